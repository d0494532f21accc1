import ArgumentParser
import PixNerdSampling

/// How the latents of a model that was trained in latents become pictures.
struct AutoencoderOptions: ParsableArguments {
    @Option(
        help: """
            Where the autoencoder of a model in latents lies, where that is not the place that the run recorded: a \
            directory of diffusers', a file, or a run of kind autoencoder.
            """)
    var vae: String?

    @Flag(help: "Also decode by an autoencoder of other weights or another scale than the model was trained with.")
    var vaeOverride = false

    @Option(
        help: """
            Decodes latents in overlapping squares of so many pixels, for memory; the pictures are not exactly those that \
            decoding them whole gives.
            """)
    var vaeTile: Int?

    func validate() throws {
        if let vaeTile, vaeTile < 1 { throw ValidationError("--vae-tile is \(vaeTile); it must be at least 1.") }
    }

    /// Adds these options to those of sampling.
    func apply(to options: inout SamplingOptions) {
        options.autoencoder = vae
        options.allowsOtherAutoencoder = vaeOverride
        options.tile = vaeTile
    }
}
