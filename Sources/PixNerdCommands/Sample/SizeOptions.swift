import ArgumentParser
import PixNerdSampling

extension SizeRoute: ExpressibleByArgument {}

/// The options of the image size.
struct SizeOptions: ParsableArguments {
    @Option(help: "HEIGHTxWIDTH in pixels, or one number for both (default: the training size).")
    var size: String?

    @Option(
        help: """
            Method to sample at another size than in training. grid: more or fewer patches, with positions stretched \
            over the same square. field: the patch grid of training, with each patch decoded at more or fewer pixels \
            by evaluating its field at other positions. auto: field if the model was trained at several densities \
            (training.field_sizes), else grid. Sizes that are not a multiple of the patch size are sampled larger and \
            centre-cropped.
            """)
    var route = SizeRoute.auto

    /// Copies these options to those of sampling.
    func apply(to options: inout SamplingOptions) throws {
        options.size = try size.map { try sides(of: $0) }
        options.route = route
    }
}
