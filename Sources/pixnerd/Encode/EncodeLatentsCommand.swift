import ArgumentParser
import PixNerdModels
import PixNerdPrecompute
import PixNerdTraining

struct EncodeLatentsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "latents",
        abstract: "Writes an autoencoder's latents of every picture, for runs that train in them.",
        discussion: """
            Means and log-variances, of each picture as it is and mirrored, without a scale. A run reads them by \
            latent.cache; it must see the middle of each picture (data.crop: center), mirrored or not, at the same size. \
            The same command goes on with work that was stopped.

              pixnerd encode latents sd-vae-ft-ema datasets/mine \\
                --out datasets/mine-latents
              pixnerd train configs/imagenet256-latent-b2.yaml \\
                --set data.root=datasets/mine --set latent.vae=sd-vae-ft-ema \\
                --set latent.cache=datasets/mine-latents
            """)

    @Argument(help: "An autoencoder: a directory of diffusers', a file, or a run of kind autoencoder.")
    var autoencoder: String

    @OptionGroup var options: EncodeOptions

    @Option(name: .customLong("dtype"), help: "f32, or f16 or bf16 for half the space.")
    var type = ConvertedType.f32

    func run() throws {
        let pictures = try options.open()
        let checkpoint = try AutoencoderCheckpoint(path: autoencoder)
        let name = checkpoint.knownName ?? checkpoint.path
        let work = try LatentEncoding(
            checkpoint.loadForColour(), name: name, pictures, imageSize: options.size, type: type.elementType,
            fastDecode: options.fastDecode, to: options.out)
        let logger = makeLogger()
        logger.notice(
            "\(name); \(pictures.samples.count) pictures, \(String(format: "%.3g", Double(work.bytes) / 1e9)) GB of latents in all"
        )
        try options.run("latents", count: pictures.samples.count, logger: logger) {
            try work.run(batchSize: $0, $1)
        }
    }
}
