import ArgumentParser
import PixNerdModels
import PixNerdPrecompute
import PixNerdTraining

struct EncodeFeaturesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "features",
        abstract: "Writes a DINOv2's features of every picture, for runs that are aligned with them.",
        discussion: """
            A run reads them by repa.features; it must see the middle of each picture (data.crop: center) unmirrored \
            (data.flip: false), at the same size. The same command goes on with work that was stopped.

              pixnerd encode features dinov2_vitb14_pretrain.pth datasets/mine \\
                --out datasets/mine-features
              pixnerd train configs/imagenet256-b16.yaml --set data.root=datasets/mine \\
                --set repa.features=datasets/mine-features
            """)

    @Argument(help: "A DINOv2 file of torch hub or transformers, or a directory of transformers.")
    var encoder: String

    @OptionGroup var options: EncodeOptions
    @OptionGroup var encoderOptions: EncoderOptions

    func run() throws {
        let pictures = try options.open()
        let model = try DINOv2File(path: encoder).load(heads: encoderOptions.heads)
        let work = try FeatureEncoding(
            model, pictures, imageSize: options.size, basePatch: encoderOptions.basePatch ?? 16,
            fastDecode: options.fastDecode, to: options.out)
        let architecture = model.architecture
        let logger = makeLogger()
        logger.notice(
            "\(architecture.name), positions \(architecture.positionResampling.rawValue); \(pictures.samples.count) pictures, \(String(format: "%.2f", Double(work.bytes) / 1e9)) GB of features in all"
        )
        try options.run("features", count: pictures.samples.count, logger: logger) {
            try work.run(batchSize: $0, $1)
        }
    }
}
