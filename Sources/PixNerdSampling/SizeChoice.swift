import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport

/// A model prepared for a size, with the route that this takes.
struct SizeChoice {
    let denoiser: any Denoiser
    /// The shift of times by which larger images show the transformer what those of training do; 1 by the grid.
    let timeShift: Float
    let size: PictureSize
    /// Size of the images of training, where the checkpoint tells; the usual one of several.
    let trained: ImageSize?
    /// `grid` or `field`.
    let route: SizeRoute
    /// A warning that the model never saw such images, with advice, as one sentence; nil if it did.
    let warning: ErrorText?

    /// - Parameter name: The checkpoint's name in messages.
    init(
        _ loaded: LoadedDenoiser, _ checkpoint: DenoiserCheckpoint, _ options: SamplingOptions, name: String
    ) throws {
        // Sides beyond those of any image come from damaged metadata, and must not enter arithmetic.
        let fieldSizes = checkpoint.fieldSizes.filter { (1...ImageFile.maximumPixels).contains($0) }
        let trained = checkpoint.trainedSize(loaded)
        if let trained, trained.height.magnitude > UInt(ImageFile.maximumPixels) {
            throw PixNerdError(
                .malformed, "\(name):", found: "the training size is \(trained.text)",
                expected: "the side of an image in pixels")
        }
        self.trained = trained
        let isPublished = loaded.architecture.isPublishedForFields && checkpoint.imageSize == nil && trained != nil
        let isElsewhere = options.size.map { $0 != trained && !checkpoint.imageSizes.contains($0) } ?? false
        route =
            options.route != .auto
            ? options.route
            : isElsewhere && loaded.architecture.decodesFields
                && (!fieldSizes.isEmpty || isPublished)
                ? .field : .grid
        denoiser = try Self.denoiser(loaded, route, trained: trained, name)
        size = try Self.size(options, multiple: denoiser.sizeMultiple * loaded.reduction, trained: trained, name)
        let (route, size, sizes) = (route, size, checkpoint.imageSizes)
        timeShift = denoiser.timeShift(
            height: size.canvasHeight / loaded.reduction, width: size.canvasWidth / loaded.reduction)
        warning = trained.flatMap {
            sizes.count > 1
                ? Self.warning(size, sizes: sizes, name) : Self.warning(route, size, trained: $0, fieldSizes, name)
        }
    }

    /// A model by a route.
    ///
    /// - Parameters:
    ///   - route: `grid` or `field`.
    ///   - trained: Size of the images of training, where the checkpoint tells.
    ///   - name: The checkpoint's name in messages.
    static func denoiser(
        _ loaded: LoadedDenoiser, _ route: SizeRoute, trained: ImageSize?, _ name: String
    ) throws -> any Denoiser {
        guard route == .field else { return loaded.model }
        let advice: ErrorText = "use \(Setting.route) grid"
        guard loaded.architecture.decodesFields else {
            throw PixNerdError(
                .unsupported, "\(name)", found: "has a linear head, which decodes patches at one density only",
                advice: advice)
        }
        guard let trained else {
            throw PixNerdError(
                .notFound, "\(name)",
                found: "does not say what size it was trained at, which \(Setting.route) field depends on",
                advice: advice)
        }
        if let problem = sizeProblem(trained, multiple: loaded.model.sizeMultiple * loaded.reduction) {
            throw PixNerdError(.malformed, "\(name):", found: "the training size \(problem)")
        }
        return loaded.network.fieldResampled(trainedSize: trained / loaded.reduction)?.predicting(loaded.prediction)
            ?? loaded.model
    }

    private static func size(
        _ options: SamplingOptions, multiple: ImageSize, trained: ImageSize?, _ name: String
    ) throws -> PictureSize {
        let subject: ErrorText = options.size == nil ? "\(name):" : "\(Setting.size):"
        guard let asked = options.size ?? trained else {
            throw PixNerdError(
                .notFound, "\(name)", found: "does not say what size it was trained at",
                advice: "give \(Setting.size), such as 256")
        }
        // Only sizes that the user gives are cropped: no model was trained at a size that needs it.
        if options.size == nil, let problem = sizeProblem(asked, multiple: multiple) {
            throw PixNerdError(.malformed, subject, found: "the training size \(problem)")
        }
        let (height, width) = (asked.height, asked.width)
        for (side, value) in [("height", height), ("width", width)] where value < 1 {
            throw PixNerdError(.invalidValue, subject, found: "the \(side) is \(value)", expected: "at least 1")
        }
        guard height <= ImageFile.maximumPixels / width,
            max(height, width) <= ImageFile.maximumPixels - max(multiple.height, multiple.width)
        else {
            throw PixNerdError(
                .invalidValue, subject, found: "a size of \(height) x \(width) is too large",
                expected: "at most \(ImageFile.maximumPixels) pixels")
        }
        return PictureSize(height: height, width: width, multiple: multiple)
    }

    private static func warning(
        _ route: SizeRoute, _ size: PictureSize, trained: ImageSize, _ fieldSizes: [Int], _ name: String
    ) -> ErrorText? {
        guard (size.height, size.width) != (trained.height, trained.width) else { return nil }
        // Only models of squares are trained to decode other sides.
        let known = ((trained.isSquare ? [trained.height] : []) + fieldSizes).sorted()
        guard route != .field || !known.contains(size.height) || !known.contains(size.width) else { return nil }
        let list = known.map(String.init).joined(separator: ", ")
        let asked = "\(size.height) x \(size.width)"
        switch route {
        case .field where fieldSizes.isEmpty:
            return
                "\(name) was trained at \(trained) only, with its fields at one density, so \(asked) may "
                + "show seams and moire; use \(Setting.size) \(trained.text), or train with training.field_sizes."
        case .field:
            let closest = "\(nearest(known, size.height))x\(nearest(known, size.width))"
            return "\(name) was trained to decode sides of \(list), not \(asked); the nearest trained size is "
                + "\(Setting.size) \(closest)."
        default:
            let advice: ErrorText =
                fieldSizes.isEmpty
                ? "use \(Setting.size) \(trained.text)"
                : "use \(Setting.route) field, which was trained for sides of \(list)"
            return
                "\(name) was trained at \(trained) and never saw the more or fewer patches of \(asked), "
                + "so images may not be coherent; \(advice)."
        }
    }

    /// The warning for a model that was trained at several sizes.
    private static func warning(_ size: PictureSize, sizes: [ImageSize], _ name: String) -> ErrorText? {
        let asked = ImageSize(height: size.height, width: size.width)
        guard !sizes.contains(asked) else { return nil }
        return
            "\(name) was trained at \(listed(sizes.map(\.text).prefix(12), of: sizes.count)), and never at \(asked), so "
            + "images may not be coherent; use one of its sizes as \(Setting.size)."
    }

    private static func nearest(_ sides: [Int], _ side: Int) -> Int {
        sides.min { abs($0 - side) < abs($1 - side) } ?? side
    }
}

extension DenoiserCheckpoint {
    /// Size of the images of training; nil if neither the checkpoint nor its published model tells.
    func trainedSize(_ loaded: LoadedDenoiser) -> ImageSize? { imageSize ?? loaded.trainedSide.map { ImageSize($0) } }
}
