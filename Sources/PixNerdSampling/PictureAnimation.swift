import PixNerdImages
import PixNerdSupport
import PixNerdTensors

/// The images of ways from one to another as an animation. Finished batches are kept beside it until it is written.
struct PictureAnimation: SampleOutput {
    private let plan: SamplePlan
    private let format: Animation.Format
    private let ways: [Range<Int>]
    private let manifest: SampleManifest
    private var parts: SampleParts
    var kept: Int { parts.kept }

    /// Duration of a frame in milliseconds, and of the first and the last.
    private static let (frame, end) = (100, 800)

    init(_ plan: SamplePlan, _ format: Animation.Format) throws {
        guard let ways = RequestList.ways(in: plan.requests) else {
            throw PixNerdError(
                .invalidValue, "\(Setting.output) \(plan.path)",
                found: "is an animation, which shows the way from one image to another",
                advice:
                    "ask for one with \(Setting.interpolation), or name a .png, .npz or .safetensors file or a folder")
        }
        (self.plan, self.format, self.ways) = (plan, format, ways)
        try plan.layout(plan.requests[...]).expectDrawable(plan.path, advice: "write a folder, or fewer images")
        try plan.expectFile()
        var manifest = plan.manifest
        manifest.pictures = plan.requests.map { plan.entry($0) }
        self.manifest = manifest
        parts = try SampleParts(plan, manifest)
    }

    func holds(_ requests: Range<Int>) -> Bool { parts.holds(requests) }

    mutating func write(_ pixels: Tensor, first: Int) throws { try parts.write(shown: pixels, first: first) }

    func finish() throws {
        let pictures = try parts.shownPictures()
        let count = ways.map(\.count).max() ?? 0
        let frames = (0..<count).map { number in
            // A way that is shorter than others stays at its end.
            let rows = ways.map { way in
                (label: String?.none, images: [pictures[min(way.lowerBound + number, way.upperBound - 1)]])
            }
            return Animation.Frame(
                ImageGrid.make(rows: rows),
                milliseconds: number == 0 || number == count - 1 ? Self.end : Self.frame)
        }
        try Animation(frames).write(format, to: plan.path)
        try manifest.write(to: plan.manifestPath)
        parts.remove()
    }

    func stop() -> KeptSamples { parts.stop() }
}
