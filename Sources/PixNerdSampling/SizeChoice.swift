import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport

/// A model brought to a size, and the route that brings it there.
struct SizeChoice {
    let denoiser: any Denoiser
    let size: PictureSize
    /// Side of the images of training in pixels, where the checkpoint tells.
    let trained: Int?
    /// `grid` or `field`.
    let route: SizeRoute
    /// Where the model never saw such images: one sentence that says so and what to do.
    let warning: String?

    /// - Parameter name: The checkpoint as messages call it.
    init(
        _ loaded: LoadedDenoiser, _ checkpoint: DenoiserCheckpoint, _ options: SamplingOptions, name: String
    ) throws {
        let fieldSizes = checkpoint.fieldSizes
        let trained = checkpoint.imageSize ?? loaded.trainedSide
        self.trained = trained
        let isElsewhere = options.size.map { $0 != (trained ?? 0, trained ?? 0) } ?? false
        route =
            options.route != .auto
            ? options.route
            : isElsewhere && !fieldSizes.isEmpty && loaded.architecture.decodesFields ? .field : .grid
        denoiser = try Self.denoiser(loaded, route, trained: trained, name)
        size = try Self.size(options, multiple: denoiser.sizeMultiple * loaded.reduction, trained: trained, name)
        let (route, size) = (route, size)
        warning = trained.flatMap { Self.warning(route, size, trained: $0, fieldSizes, name) }
    }

    private static func denoiser(
        _ loaded: LoadedDenoiser, _ route: SizeRoute, trained: Int?, _ name: String
    ) throws -> any Denoiser {
        guard route == .field else { return loaded.model }
        let advice: ErrorText = "set \(Setting.route) to grid"
        guard loaded.architecture.decodesFields else {
            throw PixNerdError(
                .unsupported, "\(name)", found: "has a linear head, which decodes patches at one density only",
                advice: advice)
        }
        guard let trained else {
            throw PixNerdError(
                .notFound, "\(name)",
                found: "does not say what size it was trained at, which the route field decodes from", advice: advice)
        }
        if let problem = sizeProblem(trained, multiple: loaded.model.sizeMultiple * loaded.reduction) {
            throw PixNerdError(.malformed, "\(name):", found: "the size of training \(problem)")
        }
        return loaded.model.fieldResampled(trainedSize: trained / loaded.reduction) ?? loaded.model
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
        // What nobody asked for is not cut: no model was trained at such a size.
        if options.size == nil, let problem = sizeProblem(height, multiple: multiple) {
            throw PixNerdError(.malformed, subject, found: "the size of training \(problem)")
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
    ) -> String? {
        let known = ([trained] + fieldSizes).sorted()
        func isKnown(_ side: Int) -> Bool { side == trained || route == .field && known.contains(side) }
        guard !isKnown(size.height) || !isKnown(size.width) else { return nil }
        let list = known.map(String.init).joined(separator: ", ")
        let asked = "\(size.height) x \(size.width)"
        return switch route {
        case .field where fieldSizes.isEmpty:
            "\(name) was trained at \(trained) x \(trained) only, with its fields at one density; at \(asked) seams and moire "
                + "may show; sample at size \(trained), or train with training.field_sizes."
        case .field:
            "\(name) was trained to decode sides of \(list), not \(asked); the nearest that it knows is "
                + "\(nearest(known, size.height))x\(nearest(known, size.width))."
        default:
            "\(name) was trained at \(trained) x \(trained) and never saw \(asked) by more or fewer patches, so the images "
                + "may not hold together; "
                + (fieldSizes.isEmpty
                    ? "sample at size \(trained)." : "the route field was trained for sides of \(list).")
        }
    }

    private static func nearest(_ sides: [Int], _ side: Int) -> Int {
        sides.min { abs($0 - side) < abs($1 - side) } ?? side
    }
}
