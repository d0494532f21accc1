import PixNerdDiffusion
import PixNerdImages
import PixNerdSpaces
import PixNerdSupport

/// The denoising trajectory of the first batch: the images predicted at each step.
///
/// In pixel space they need no decoder: the noisy image and its velocity give them.
public final class Trajectory {
    /// The file format of a trajectory.
    public enum Form: Equatable {
        /// A sheet with a row for each image and steps from left to right.
        case sheet
        case animation(Animation.Format)

        /// The format of a path; nil if it ends in none of `.png`, `.apng` and `.gif`.
        public init?(path: String) {
            let ending = fileExtension(path)
            if ending == "png" {
                self = .sheet
            } else if let format = Animation.Format(rawValue: ending) {
                self = .animation(format)
            } else {
                return nil
            }
        }

        /// Maximum number of steps shown, which limits memory.
        var mostSteps: Int { self == .sheet ? 10 : 60 }
    }

    private let form: Form
    private let path: String
    private let plan: SamplePlan
    private let shown: Set<Int>
    private var steps: [(step: Int, pictures: [RGBImage])] = []

    /// - Parameter steps: number of sampling steps.
    /// - Throws: `PixNerdError` if the path has no known extension, cannot be written, or would be overwritten without
    ///   permission, or if the images do not fit on a sheet.
    public init(path: String, steps: Int, plan: SamplePlan) throws {
        guard let form = Form(path: path) else {
            throw PixNerdError(
                .invalidValue, "\(Setting.trajectory)", found: "is '\(path)'",
                expected: "a name that ends in .png, .apng or .gif")
        }
        try plan.expectOutput(path)
        self.form = form
        self.path = path
        self.plan = plan
        let count = min(form.mostSteps, steps)
        try plan.layout(plan.requests.prefix(plan.batch)).expectDrawable(
            path, columns: form == .sheet ? count : 1, advice: "sample fewer images in a batch")
        shown = Set((1...count).map { ($0 * steps + count - 1) / count })
    }

    /// Whether the trajectory shows a batch of requests.
    public func needs(_ requests: Range<Int>) -> Bool { requests.lowerBound == 0 }

    /// Records the images of a moment, if it is one of those shown.
    public func record(_ moment: SamplingMoment) {
        guard moment.first == 0, shown.contains(moment.step) else { return }
        steps.append((moment.step, moment.predicted()))
    }

    /// Writes the file.
    public func finish() throws {
        guard let first = steps.first else { return }
        let requests = plan.requests.prefix(first.pictures.count)
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
                    plan.layout(requests).sheet(moment.pictures),
                    milliseconds: moment.step == steps[steps.count - 1].step ? 2000 : 100)
            }
            try Animation(frames).write(format, to: path)
        }
    }
}

/// A PNG of the images predicted for the current batch, rewritten every few steps.
public struct Preview {
    private let path: String
    private let every: Int
    private let plan: SamplePlan

    /// - Parameter every: number of steps between two updates.
    /// - Throws: `PixNerdError` if the path is no `.png`, cannot be written, or would be overwritten without permission,
    ///   or if the images do not fit on a sheet.
    public init(path: String, every: Int, plan: SamplePlan) throws {
        guard fileExtension(path) == "png" else {
            throw PixNerdError(
                .invalidValue, "\(Setting.preview)", found: "is '\(path)'", expected: "a name that ends in .png")
        }
        try plan.expectOutput(path)
        try plan.layout(plan.requests.prefix(plan.batch)).expectDrawable(
            path, advice: "sample fewer images in a batch")
        self.path = path
        self.every = every
        self.plan = plan
    }

    /// Rewrites the file if an update is due.
    ///
    /// - Parameter steps: number of sampling steps.
    public func show(_ moment: SamplingMoment, of steps: Int) throws {
        guard moment.step % every == 0 || moment.step == steps else { return }
        let pictures = moment.predicted()
        let requests = plan.requests[moment.first..<moment.first + pictures.count]
        try ImageFile.writePNG(plan.layout(requests).sheet(pictures), to: path)
    }
}
