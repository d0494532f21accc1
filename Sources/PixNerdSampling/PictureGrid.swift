import PixNerdDiffusion
import PixNerdImages
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// One sheet of all images, with a row for each class.
struct PictureGrid: SampleOutput {
    private let plan: SamplePlan
    private var pictures: [RGBImage] = []
    let kept = 0

    init(_ plan: SamplePlan) throws {
        self.plan = plan
        try plan.expectFree([plan.path, plan.manifestPath])
        try makeFolder(plan.parent)
    }

    func holds(_ requests: Range<Int>) -> Bool { false }

    mutating func write(_ pixels: Tensor, first: Int) { pictures += roundedPictures(pixels) }

    func finish() throws {
        try ImageFile.writePNG(Self.sheet(pictures, of: plan.requests[...], plan.name(of:)), to: plan.path)
        var manifest = plan.manifest
        manifest.pictures = plan.requests.map { plan.entry($0) }
        try manifest.write(to: plan.manifestPath)
    }

    /// A sheet with a row for each run of consecutive requests of one class.
    static func sheet(
        _ pictures: [RGBImage], of requests: ArraySlice<PictureRequest>, _ name: (PictureRequest) -> String
    ) -> RGBImage {
        var rows: [(label: String?, images: [RGBImage])] = []
        for (request, picture) in zip(requests, pictures) {
            let name = name(request)
            if rows.last?.label == name {
                rows[rows.count - 1].images.append(picture)
            } else {
                rows.append((name, [picture]))
            }
        }
        return ImageGrid.make(rows: rows)
    }
}
