import ArgumentParser
import Foundation
import Logging
import PixNerdDistributed
import PixNerdEvaluation
import PixNerdImages
import PixNerdModels
import PixNerdSupport
import PixNerdTensors
import PixNerdTraining

extension InceptionInput: ExpressibleByArgument {}
extension FeatureNetwork: ExpressibleByArgument {}

struct EvaluateCommand: ParsableCommand, RankedCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Measures the distance of generated images to real ones.",
        discussion: """
            Each side is a folder of images, WebDataset shards, an .npz with arr_0 as written by pixnerd sample, or an \
            .npz of stored statistics (mu, sigma, mu_s, sigma_s). Real images of another size are centre-cropped and \
            scaled as for training.

            With --weights of Inception-v3: FID, sFID, KID, precision, recall and Inception Score; of DINOv2: Fréchet \
            distance, kernel distance, precision and recall. Always, also without --weights: sliced Wasserstein \
            distance, power spectrum and patch seams, which compare texture only, not content.

            Two distances are comparable only if the number of images and everything else above the table are the \
            same. Each comes with a 95 % bootstrap interval over the generated images and a baseline, the same measure \
            between two halves of the real images.

              pixnerd evaluate datasets/mine samples.npz
              pixnerd evaluate datasets/mine samples.npz --weights inception.pth
              pixnerd evaluate originals/ decoded/ --pairs --json

            --memorised looks for copies instead: it finds the training images (REAL) that are nearest to each sample, \
            by all pixels, and with --weights by features, too. A sample is a copy if the nearest one, or its mirror \
            image, is at less than a third of the distance of the second nearest.

              pixnerd evaluate datasets/mine samples.npz --memorised --sheet copies.png

            Started by Open MPI's mpirun, all processes run the network; only rank 0 reads images.

              mpirun -n 4 --hostfile hosts pixnerd evaluate datasets/mine samples.npz \\
                --weights inception.pth
            """)

    @Argument(help: "Real images, or their statistics.")
    var real: String

    @Argument(help: "Generated images, or their statistics.")
    var generated: String

    @OptionGroup var network: FeatureNetworkOptions

    @Option(
        help: "Size to measure images at: HEIGHTxWIDTH, or one number for both (default: that of the generated images)."
    )
    var size: String?

    @Option(
        help: """
            Stored values that are black and white, such as 0,4095 (default: the whole range of 8 or 16 bits). Images \
            of float32 need it.
            """)
    var range: String?

    @Option(help: "Maximum number of images per side (sampled evenly).")
    var limit: Int?

    @Option(help: "Side of the patches whose seams are measured (default: 4, 8, 16 and 32).")
    var patch: Int?

    @Flag(help: "Also measure PSNR and SSIM: the sides are pairs of images in the same order.")
    var pairs = false

    @OptionGroup var memorisation: MemorisationOptions

    @Option(help: "Number of bootstrap resamples for the intervals; 0 for no intervals.")
    var bootstrap = 20

    @Option(help: "Seed of subsets, halves, resamples, patches and directions.")
    var seed: UInt64 = 0

    @Option(help: "Images per forward pass of the network.")
    var batch = 32

    @Option(help: "Write the statistics of REAL to this .npz, for later evaluations.")
    var saveReal: String?

    @Option(help: "Write the statistics of GENERATED to this .npz.")
    var saveGenerated: String?

    @Option(help: "Matmul precision of the network: fp32 or bf16 (needs AVX-512 BF16).")
    var precision = Precision.fp32

    @OptionGroup var threads: ThreadsOption

    @Flag(help: "Overwrite existing files.")
    var overwrite = false

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        try expectNoInt8(precision)
        try expectOption("--batch", batch, in: 1...SizeLimits.batch)
        try expectOption("--limit", limit, in: 2...SizeLimits.images)
        try expectOption("--bootstrap", bootstrap, in: 0...SizeLimits.repeats)
        try expectOption("--patch", patch, in: 2...SizeLimits.side)
        try memorisation.check(
            others: [
                ("--pairs", pairs), ("--limit", limit != nil), ("--patch", patch != nil),
                ("--save-real", saveReal != nil), ("--save-generated", saveGenerated != nil),
            ])
    }

    func run() throws {
        threads.apply()
        let communicator = try Communicator.forCommand(threads: threads.threads)
        let extractor = try communicator.agree {
            try precision.check()
            return try openExtractor()
        }
        if let extractor {
            try communicator.expectSame(
                "network", "\(extractor.title), weights \(extractor.fingerprint), \(precision.rawValue)",
                advice: "give all ranks the same weights and options")
        }
        let measure = try communicator.agree {
            communicator.isRoot ? try measurement(extractor, communicator) : nil
        }
        if let measure {
            try measure()
        } else if let extractor {
            try SharedExtraction(communicator, precision: precision).serve(extractor)
        }
    }

    /// Checks the input, and returns what measures it.
    private func measurement(
        _ extractor: (any FeatureExtractor)?, _ communicator: Communicator
    ) throws -> () throws -> Void {
        guard memorisation.memorised else {
            let evaluation = try makeEvaluation(extractor, communicator)
            return { try measure(evaluation) }
        }
        try memorisation.checkSheet(
            apartFrom: [real, generated, network.weights].compactMap { $0 }, overwrites: overwrite)
        let settings = try settings()
        var own = Memorisation.Settings()
        (own.seed, own.batch, own.resamples) = (seed, batch, bootstrap)
        (own.size, own.range, own.precision) = (settings.size, settings.range, precision)
        let search = try Memorisation(
            training: EvaluationSource(path: real), samples: EvaluationSource(path: generated),
            heldOut: memorisation.heldOut.map { try EvaluationSource(path: $0) }, extractor: extractor,
            weights: network.weights, communicator: communicator, settings: own)
        return { try memorisation.run(search, json: json) }
    }

    private func makeEvaluation(
        _ extractor: (any FeatureExtractor)?, _ communicator: Communicator
    ) throws -> Evaluation {
        for (option, path) in outputs {
            guard network.weights != nil else {
                throw CommandError("\(path) needs features to compute statistics of; give --weights of a network.")
            }
            try expectOutput(option, path, ending: "npz", overwrites: overwrite)
        }
        try expectApart(
            outputs.map { (setting: ErrorText($0.option), path: $0.path) },
            from: [real, generated, network.weights].compactMap { $0 })
        return try Evaluation(
            real: EvaluationSource(path: real, limit: limit),
            generated: EvaluationSource(path: generated, limit: limit),
            extractor: extractor, weights: network.weights, communicator: communicator, settings: settings())
    }

    /// The options that name a file to write, with the file.
    private var outputs: [(option: String, path: String)] {
        [("--save-real", saveReal), ("--save-generated", saveGenerated)].compactMap { option, path in
            path.map { (option, $0) }
        }
    }

    private func measure(_ evaluation: Evaluation) throws {
        let logger = makeLogger()
        logger.noteSlowProducts()
        let progress = ProgressBar(total: evaluation.pictures)
        let details = evaluation.size.map { "images of \($0)" } ?? ""
        var isReading = evaluation.pictures > 0
        let found = try evaluation.run(
            program: PixNerdCommand.program,
            progress: { progress.show($0, details) },
            computing: { what in
                if isReading { ProgressBar.breakLine() }
                isReading = false
                logger.notice("computing \(what)")
            },
            unreadable: { logger.warning("Skipping an unreadable image: \($0)") })
        // Printed first: hours of measuring are not lost to a disk that is full.
        print(json ? try found.report.json() : EvaluationTable(found.report).text)
        for (path, statistics) in [(saveReal, found.real), (saveGenerated, found.generated)] {
            guard let path, let statistics else { continue }
            try statistics.write(to: path)
            logger.notice("wrote the statistics to \(path)")
        }
    }

    private func settings() throws -> Evaluation.Settings {
        var settings = Evaluation.Settings()
        settings.seed = seed
        settings.batch = batch
        settings.resamples = bootstrap
        settings.patch = patch
        settings.arePairs = pairs
        settings.precision = precision
        settings.range = try range.map(Self.range)
        if let size {
            let sides = try sides(of: size)
            guard sides.shorterSide >= 2 else {
                throw CommandError(
                    "--size is '\(size)'; expected sides of at least 2 and at most \(ImageFile.maximumPixels) pixels "
                        + "in all.")
            }
            settings.size = sides
        }
        return settings
    }

    private static func range(_ text: String) throws -> ClosedRange<Float> {
        let bounds = text.split(separator: ",", omittingEmptySubsequences: false).map { Float($0) ?? .nan }
        guard bounds.count == 2, bounds.allSatisfy(\.isFinite), bounds[0] < bounds[1] else {
            throw CommandError("--range is '\(text)'; expected two numbers, the lower one first, such as 0,4095.")
        }
        return bounds[0]...bounds[1]
    }

    private func openExtractor() throws -> (any FeatureExtractor)? {
        guard let weights = network.weights else {
            guard network.features == .inception else {
                throw CommandError("--features \(network.features.rawValue) needs the network's --weights.")
            }
            return nil
        }
        return try network.features.extractor(path: weights, input: network.backend)
    }
}
