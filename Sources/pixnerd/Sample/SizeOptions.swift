import ArgumentParser
import PixNerdDiffusion
import PixNerdImages
import PixNerdLayers
import PixNerdModels
import PixNerdTraining

/// How a picture of another size than that of training is made.
enum SizeRoute: String, ExpressibleByArgument, CaseIterable {
    /// The one that the model was trained for.
    case auto
    case grid
    case field
}

/// The size of the pictures, and how a model is brought to it.
struct SizeOptions: ParsableArguments {
    @Option(help: "HEIGHTxWIDTH in pixels, or one number for both (default: the size of training).")
    var size: String?

    @Option(
        help: """
            How to sample at another resolution than that of training. grid: more or fewer patches, with positions stretched \
            over the same square. field: the patches of training, each decoded at more or fewer pixels by evaluating its \
            field at other positions. auto: field where the model was trained at several densities (training.field_sizes), \
            else grid. Sizes that are not a multiple of the patch are sampled larger and cropped.
            """)
    var route = SizeRoute.auto

    /// A model at a size, and the route that brings it there.
    struct Choice {
        let denoiser: any Denoiser
        let size: PictureSize
        /// `grid` or `field`.
        let route: SizeRoute
        /// Where the model never saw such pictures: one sentence that says so and what to do.
        let warning: String?
    }

    /// - Parameters:
    ///   - reduction: of the model's space.
    ///   - checkpoint: what messages call the file.
    func choice(
        _ model: PixNerd, _ file: PixNerdCheckpoint, reduction: Int, _ checkpoint: String
    ) throws -> Choice {
        let trained = file.imageSize
        let isElsewhere = try size.map { try sides(of: $0) != (trained ?? 0, trained ?? 0) } ?? false
        let route =
            self.route != .auto
            ? self.route : isElsewhere && !file.fieldSizes.isEmpty && model.architecture.head == .field ? .field : .grid
        let denoiser = try denoiser(model, route, trained: trained, reduction: reduction, checkpoint)
        let size = try pictureSize(multiple: denoiser.sizeMultiple * reduction, trained: trained, checkpoint)
        let warning = trained.flatMap { Self.warning(route, size, trained: $0, file.fieldSizes, checkpoint) }
        return Choice(denoiser: denoiser, size: size, route: route, warning: warning)
    }

    private static func warning(
        _ route: SizeRoute, _ size: PictureSize, trained: Int, _ fieldSizes: [Int], _ checkpoint: String
    ) -> String? {
        let known = ([trained] + fieldSizes).sorted()
        func isKnown(_ side: Int) -> Bool { side == trained || route == .field && known.contains(side) }
        guard !isKnown(size.height) || !isKnown(size.width) else { return nil }
        let list = known.map(String.init).joined(separator: ", ")
        let asked = "\(size.height) x \(size.width)"
        return switch route {
        case .field where fieldSizes.isEmpty:
            "\(checkpoint) was trained at \(trained) x \(trained) alone, and its fields at one density; at \(asked) they may "
                + "weave; sample at --size \(trained), or train with training.field_sizes."
        case .field:
            "\(checkpoint) was trained to decode sides of \(list), not \(asked); the nearest that it knows is --size "
                + "\(nearest(known, size.height))x\(nearest(known, size.width))."
        default:
            "\(checkpoint) was trained at \(trained) x \(trained) and never saw \(asked) by more or fewer patches, so the "
                + "pictures may not hold together; "
                + (fieldSizes.isEmpty
                    ? "sample at --size \(trained)." : "--route field was trained for sides of \(list).")
        }
    }

    private static func nearest(_ sides: [Int], _ side: Int) -> Int {
        sides.min { abs($0 - side) < abs($1 - side) } ?? side
    }

    private func denoiser(
        _ model: PixNerd, _ route: SizeRoute, trained: Int?, reduction: Int, _ checkpoint: String
    ) throws -> any Denoiser {
        guard route == .field else { return model }
        guard model.architecture.head == .field else {
            throw CommandError(
                "\(checkpoint) has a linear head, which decodes patches at one density alone; use --route grid.")
        }
        guard let trained else {
            throw CommandError(
                "\(checkpoint) does not say what size it was trained at, which --route field decodes from; "
                    + "use --route grid.")
        }
        if let problem = sizeProblem(trained, multiple: model.sizeMultiple * reduction) {
            throw CommandError("\(checkpoint): the size of training \(problem)")
        }
        return FieldRoute(model, trainedSize: trained / reduction)
    }

    private func pictureSize(multiple: Int, trained: Int?, _ checkpoint: String) throws -> PictureSize {
        let origin = size == nil ? checkpoint : "--size"
        guard let size = size ?? trained.map(String.init) else {
            throw CommandError(
                "\(checkpoint) does not say what size it was trained at; give --size, such as --size 256.")
        }
        let (height, width) = try sides(of: size)
        // What nobody asked for is not cut: no model was trained at such a size.
        if self.size == nil, let problem = sizeProblem(height, multiple: multiple) {
            throw CommandError("\(origin): the size of training \(problem)")
        }
        for (name, side) in [("height", height), ("width", width)] where side < 1 {
            throw CommandError("\(origin): the \(name) is \(side); it must be at least 1.")
        }
        guard height <= ImageFile.maximumPixels / width, max(height, width) <= ImageFile.maximumPixels - multiple else {
            throw CommandError(
                "\(origin): a size of \(height) x \(width) is too large; "
                    + "pictures of at most \(ImageFile.maximumPixels) pixels are made.")
        }
        return PictureSize(height: height, width: width, multiple: multiple)
    }
}
