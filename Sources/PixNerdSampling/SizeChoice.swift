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
    /// Side of the images of training in pixels, where the checkpoint tells.
    let trained: Int?
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
        let trained = checkpoint.imageSize ?? loaded.trainedSide
        if let trained, trained.magnitude > UInt(ImageFile.maximumPixels) {
            throw PixNerdError(
                .malformed, "\(name):", found: "the training size is \(trained)",
                expected: "the side of an image in pixels")
        }
        self.trained = trained
        let isPublished = loaded.architecture.isPublishedForFields && checkpoint.imageSize == nil && trained != nil
        let isElsewhere = options.size.map { $0 != (trained ?? 0, trained ?? 0) } ?? false
        route =
            options.route != .auto
            ? options.route
            : isElsewhere && loaded.architecture.decodesFields
                && (!fieldSizes.isEmpty || isPublished)
                ? .field : .grid
        denoiser = try Self.denoiser(loaded, route, trained: trained, name)
        size = try Self.size(options, multiple: denoiser.sizeMultiple * loaded.reduction, trained: trained, name)
        let (route, size) = (route, size)
        timeShift = denoiser.timeShift(
            height: size.canvasHeight / loaded.reduction, width: size.canvasWidth / loaded.reduction)
        warning = trained.flatMap { Self.warning(route, size, trained: $0, fieldSizes, name) }
    }

    /// A model by a route.
    ///
    /// - Parameters:
    ///   - route: `grid` or `field`.
    ///   - trained: Side of the images of training in pixels, where the checkpoint tells.
    ///   - name: The checkpoint's name in messages.
    static func denoiser(
        _ loaded: LoadedDenoiser, _ route: SizeRoute, trained: Int?, _ name: String
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
        _ options: SamplingOptions, multiple: Int, trained: Int?, _ name: String
    ) throws -> PictureSize {
        let subject: ErrorText = options.size == nil ? "\(name):" : "\(Setting.size):"
        guard let (height, width) = options.size ?? trained.map({ ($0, $0) }) else {
            throw PixNerdError(
                .notFound, "\(name)", found: "does not say what size it was trained at",
                advice: "give \(Setting.size), such as 256")
        }
        // Only sizes that the user gives are cropped: no model was trained at a size that needs it.
        if options.size == nil, let problem = sizeProblem(height, multiple: multiple) {
            throw PixNerdError(.malformed, subject, found: "the training size \(problem)")
        }
        for (side, value) in [("height", height), ("width", width)] where value < 1 {
            throw PixNerdError(.invalidValue, subject, found: "the \(side) is \(value)", expected: "at least 1")
        }
        guard height <= ImageFile.maximumPixels / width, max(height, width) <= ImageFile.maximumPixels - multiple else {
            throw PixNerdError(
                .invalidValue, subject, found: "a size of \(height) x \(width) is too large",
                expected: "at most \(ImageFile.maximumPixels) pixels")
        }
        return PictureSize(height: height, width: width, multiple: multiple)
    }

    private static func warning(
        _ route: SizeRoute, _ size: PictureSize, trained: Int, _ fieldSizes: [Int], _ name: String
    ) -> ErrorText? {
        let known = ([trained] + fieldSizes).sorted()
        func isKnown(_ side: Int) -> Bool { side == trained || route == .field && known.contains(side) }
        guard !isKnown(size.height) || !isKnown(size.width) else { return nil }
        let list = known.map(String.init).joined(separator: ", ")
        let asked = "\(size.height) x \(size.width)"
        switch route {
        case .field where fieldSizes.isEmpty:
            return
                "\(name) was trained at \(trained) x \(trained) only, with its fields at one density, so \(asked) may "
                + "show seams and moire; use \(Setting.size) \(trained), or train with training.field_sizes."
        case .field:
            let closest = "\(nearest(known, size.height))x\(nearest(known, size.width))"
            return "\(name) was trained to decode sides of \(list), not \(asked); the nearest trained size is "
                + "\(Setting.size) \(closest)."
        default:
            let advice: ErrorText =
                fieldSizes.isEmpty
                ? "use \(Setting.size) \(trained)"
                : "use \(Setting.route) field, which was trained for sides of \(list)"
            return
                "\(name) was trained at \(trained) x \(trained) and never saw the more or fewer patches of \(asked), "
                + "so images may not be coherent; \(advice)."
        }
    }

    private static func nearest(_ sides: [Int], _ side: Int) -> Int {
        sides.min { abs($0 - side) < abs($1 - side) } ?? side
    }
}
