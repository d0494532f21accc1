import ArgumentParser
import PixNerdSampling

extension SizeRoute: ExpressibleByArgument {}

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

    /// Adds these options to those of sampling.
    func apply(to options: inout SamplingOptions) throws {
        options.size = try size.map { try sides(of: $0) }
        options.route = route
    }
}
