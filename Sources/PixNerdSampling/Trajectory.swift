import Foundation
import PixNerdDiffusion
import PixNerdImages
import PixNerdSpaces
import PixNerdSupport

/// The predicted pictures of the first batch, step by step.
///
/// In pixel space they need no decoder: they are what the noisy picture and its velocity point at.
public final class Trajectory {
    /// The files that a trajectory is written to.
    public enum Form: Equatable {
        /// A row for each picture, with steps from left to right.
        case sheet
        case animation(Animation.Format)

        /// nil where the name ends in none of `.png`, `.apng` and `.gif`.
        public init?(path: String) {
            let ending = URL(fileURLWithPath: path).pathExtension.lowercased()
            if ending == "png" {
                self = .sheet
            } else if let format = Animation.Format(rawValue: ending) {
                self = .animation(format)
            } else {
                return nil
            }
        }

        /// The most steps that are shown; a picture of each step would fill the memory.
        var mostSteps: Int { self == .sheet ? 10 : 60 }
    }

    private let form: Form
    private let path: String
    private let plan: SamplePlan
    private let shown: Set<Int>
    private var steps: [(step: Int, pictures: [RGBImage])] = []

    /// - Parameter steps: of the sampling.
    /// - Throws: `SamplingError` where the name says no form, or something would be written over.
    public init(path: String, steps: Int, plan: SamplePlan) throws {
        guard let form = Form(path: path) else {
            throw PixNerdError(
                .invalidValue, "\(Setting.trajectory)", found: "is '\(path)'",
                expected: "a name that ends in .png, .apng or .gif")
        }
        try plan.expectFree([path])
        try makeFolder(URL(fileURLWithPath: path).deletingLastPathComponent().path)
        self.form = form
        self.path = path
        self.plan = plan
        let count = min(form.mostSteps, steps)
        shown = Set((1...count).map { ($0 * steps + count - 1) / count })
    }

    /// Whether these are the requests that are shown.
    public func needs(_ requests: Range<Int>) -> Bool { requests.lowerBound == 0 }

    /// Keeps what is to be shown of a moment.
    public func record(_ moment: SamplingMoment) {
        guard moment.first == 0, shown.contains(moment.step) else { return }
        steps.append((moment.step, moment.predicted()))
    }

    public func finish() throws {
        let requests = plan.requests.prefix(steps[0].pictures.count)
        switch form {
        case .sheet:
            let rows = requests.indices.map { row in
                (
                    label: Optional("\(plan.name(of: requests[row])) \(requests[row].seed)"),
                    images: steps.map { $0.pictures[row] }
                )
            }
            try ImageFile.writePNG(ImageGrid.make(rows: rows), to: path)
        case .animation(let format):
            let frames = steps.map { moment in
                Animation.Frame(
                    PictureGrid.sheet(moment.pictures, of: requests, plan.name(of:)),
                    milliseconds: moment.step == steps[steps.count - 1].step ? 2000 : 100)
            }
            try Animation(frames).write(format, to: path)
        }
    }
}

/// A PNG of the pictures that a batch is on the way to, drawn anew every few steps.
public struct Preview {
    private let path: String
    private let every: Int
    private let plan: SamplePlan

    /// - Parameter every: steps from one drawing to the next.
    /// - Throws: `SamplingError` where something would be written over.
    public init(path: String, every: Int, plan: SamplePlan) throws {
        guard URL(fileURLWithPath: path).pathExtension.lowercased() == "png" else {
            throw PixNerdError(
                .invalidValue, "\(Setting.preview)", found: "is '\(path)'", expected: "a name that ends in .png")
        }
        try plan.expectFree([path])
        try makeFolder(URL(fileURLWithPath: path).deletingLastPathComponent().path)
        self.path = path
        self.every = every
        self.plan = plan
    }

    public func show(_ moment: SamplingMoment, of steps: Int) throws {
        guard moment.step % every == 0 || moment.step == steps else { return }
        let pictures = moment.predicted()
        let requests = plan.requests[moment.first..<moment.first + pictures.count]
        try ImageFile.writePNG(PictureGrid.sheet(pictures, of: requests, plan.name(of:)), to: path)
    }
}
