import ArgumentParser
import PixNerdModels
import PixNerdPrecompute
import PixNerdTraining

struct EncodeFeaturesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "features",
        abstract: "Writes DINOv2 features of all images, for runs that are aligned with them.",
        discussion: """
            A run reads them if repa.features is their directory. It must use centre crops (data.crop: center) of the \
            same size without flips (data.flip: false). Running the same command again resumes stopped work.

              pixnerd encode features dinov2_vitb14_pretrain.pth datasets/mine \\
                --out datasets/mine-features
              pixnerd train configs/imagenet256-b16.yaml --set data.root=datasets/mine \\
                --set repa.features=datasets/mine-features
            """)

    @Argument(help: "DINOv2: a torch hub or transformers file, or a transformers directory.")
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
        let size = String(format: "%.2f GB", Double(work.bytes) / 1e9)
        logger.notice(
            """
            \(architecture.name), positions \(architecture.positionResampling.rawValue); \
            \(pictures.samples.count) images, \(size) of features
            """)
        try options.run("features", pictures, logger: logger) {
            try work.run(batchSize: $0, $1)
        }
    }
}
