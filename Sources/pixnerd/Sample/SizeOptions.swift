import ArgumentParser
import Diffusion
import Images
import Layers
import Models
import Training

/// How a picture of another size than that of training is made.
enum SizeRoute: String, ExpressibleByArgument, CaseIterable {
    case grid
    case field
}

/// The size of the pictures, and how a model is brought to it.
struct SizeOptions: ParsableArguments {
    @Option(help: "HEIGHTxWIDTH in pixels, or one number for both; the size of training where not given.")
    var size: String?

    @Option(
        help: """
            How other sizes than that of training are made. grid: more or fewer patches, with positions stretched over the \
            same square. field: the patches of training, each decoded at more or fewer pixels by evaluating its field at \
            other positions. Sides that do not divide are cut from the next larger picture.
            """)
    var route = SizeRoute.grid

    /// The model by the chosen route.
    ///
    /// - Parameters:
    ///   - trained: side of the pictures of training.
    ///   - reduction: of the model's space.
    func denoiser(
        _ model: PixNerd, trained: Int?, reduction: Int, _ checkpoint: String
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

    func pictureSize(multiple: Int, trained: Int?, _ checkpoint: String) throws -> PictureSize {
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
