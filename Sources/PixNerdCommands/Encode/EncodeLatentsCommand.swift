import ArgumentParser
import PixNerdModels
import PixNerdPrecompute
import PixNerdTraining

struct EncodeLatentsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "latents",
        abstract: "Writes an autoencoder's latents of all images, for runs that train in them.",
        discussion: """
            They are unscaled means and log-variances of each image, unmirrored and mirrored. A run reads them if \
            latent.cache is their directory. It must use centre crops (data.crop: center) of the same size, with or \
            without flips. Running the same command again resumes stopped work.

              pixnerd encode latents sd-vae-ft-ema datasets/mine \\
                --out datasets/mine-latents
              pixnerd train configs/imagenet256-latent-b2.yaml \\
                --set data.root=datasets/mine --set latent.vae=sd-vae-ft-ema \\
                --set latent.cache=datasets/mine-latents
            """)

    @Argument(help: "Autoencoder: a diffusers directory, a file, or a run of kind autoencoder.")
    var autoencoder: String

    @OptionGroup var options: EncodeOptions

    @Option(name: .customLong("dtype"), help: "Element type: f32, or f16 or bf16 for half the size.")
    var type = ConvertedType.f32

    func run() throws {
        let pictures = try options.open()
        let checkpoint = try AutoencoderCheckpoint(path: autoencoder)
        let name = checkpoint.knownName ?? checkpoint.path
        let (model, format) = try checkpoint.loadWithFormat()
        let work = try LatentEncoding(
            model, format: format, name: name, pictures, imageSize: options.size, type: type.elementType,
            fastDecode: options.fastDecode, to: options.out)
        let logger = makeLogger()
        let size = String(format: "%.3g GB", Double(work.bytes) / 1e9)
        logger.notice("\(name); \(pictures.samples.count) images, \(size) of latents")
        try options.run("latents", pictures, logger: logger) {
            try work.run(batchSize: $0, $1)
        }
    }
}
