import ArgumentParser
import PixNerdImages
import PixNerdSampling

/// The options that decode the latents of a latent model.
struct AutoencoderOptions: ParsableArguments {
    @Option(
        help: """
            Path of a latent model's autoencoder: a diffusers directory, a file, or a run of kind autoencoder \
            (default: the path that the run recorded).
            """)
    var vae: String?

    @Flag(help: "Allow an autoencoder with other weights or another scale than the model was trained with.")
    var vaeOverride = false

    @Option(
        help: """
            Decode latents in overlapping tiles of this side in pixels, to save memory; images differ slightly from \
            those decoded whole.
            """)
    var vaeTile: Int?

    func validate() throws {
        if let vaeTile, !(1...ImageFile.maximumPixels).contains(vaeTile) {
            throw ValidationError("--vae-tile is \(vaeTile); it must be from 1 to \(ImageFile.maximumPixels).")
        }
    }

    /// Copies these options to those of sampling.
    func apply(to options: inout SamplingOptions) {
        options.autoencoder = vae
        options.allowsOtherAutoencoder = vaeOverride
        options.tile = vaeTile
    }
}
