import PixNerdImages
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// One sheet of all images. Finished batches are kept beside it until it is drawn.
struct PictureGrid: SampleOutput {
    private let plan: SamplePlan
    private let layout: SheetLayout
    private var parts: SampleParts
    var kept: Int { parts.kept }

    init(_ plan: SamplePlan) throws {
        self.plan = plan
        layout = plan.layout(plan.requests[...])
        try layout.expectDrawable(plan.path, advice: "write a folder, a .npz or a .safetensors, or fewer images")
        try plan.expectFile()
        var manifest = plan.manifest
        manifest.pictures = plan.requests.map { plan.entry($0) }
        parts = try SampleParts(plan, manifest)
    }

    func holds(_ requests: Range<Int>) -> Bool { parts.holds(requests) }

    mutating func write(_ pixels: Tensor, first: Int) throws { try parts.write(shown: pixels, first: first) }

    func finish() throws {
        try ImageFile.writePNG(layout.sheet(parts.shownPictures()), to: plan.path)
        var manifest = plan.manifest
        // In the order of the sheet, row by row.
        manifest.pictures = layout.rows.flatMap(\.places).map { plan.entry(plan.requests[$0]) }
        try manifest.write(to: plan.manifestPath)
        parts.remove()
    }

    func stop() -> KeptSamples { parts.stop() }
}
