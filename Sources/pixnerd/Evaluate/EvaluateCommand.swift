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

/// The networks whose features are compared.
enum FeatureNetwork: String, ExpressibleByArgument, CaseIterable {
    case inception
    case dinov2
}

struct EvaluateCommand: ParsableCommand, RankedCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Measures how near generated pictures come to real ones.",
        discussion: """
            Each side is a folder of pictures, WebDataset shards, an .npz with arr_0 as pixnerd sample writes it, or an \
            .npz of stored statistics (mu, sigma, mu_s, sigma_s). Real pictures of another size are cropped and scaled as \
            training sees them.

            With --weights of Inception-v3: FID, sFID, KID, precision, recall and Inception Score; of DINOv2: the Fréchet \
            and kernel distances, precision and recall. Beside them, and without weights alone: sliced Wasserstein \
            distance, power spectrum and seams, which tell texture from texture and nothing of what pictures show.

            Two distances can be compared only where the number of pictures and everything else above the table is the \
            same. Beside each stand the interval that holds 95 % of other draws of as many generated pictures, and the \
            same measure between two halves of the real pictures.

              pixnerd evaluate datasets/mine samples.npz
              pixnerd evaluate datasets/mine samples.npz --weights inception.pth
              pixnerd evaluate originals/ decoded/ --pairs --json

            Started by Open MPI's mpirun, all processes send pictures through the network; rank 0 alone reads them.

              mpirun -n 4 --hostfile hosts pixnerd evaluate datasets/mine samples.npz \\
                --weights inception.pth
            """)

    @Argument(help: "The real pictures, or statistics of them.")
    var real: String

    @Argument(help: "The generated pictures, or statistics of them.")
    var generated: String

    @Option(
        help: """
            Weights of the network whose features are compared: the .pth that pytorch-fid and torch-fidelity publish for \
            Inception-v3, or a DINOv2.
            """)
    var weights: String?

    @Option(help: "inception or dinov2.")
    var features = FeatureNetwork.inception

    @Option(
        help: """
            How pictures come to Inception's 299 x 299. torch-fidelity: as TensorFlow 1 does, and with it the evaluation \
            of ADM, by which most papers report. pytorch-fid: as PyTorch does.
            """)
    var backend = InceptionInput.torchFidelity

    @Option(
        help:
            "HEIGHTxWIDTH that pictures are measured at, or one number; the size of the generated ones where not given."
    )
    var size: String?

    @Option(help: "At most so many pictures of each side, evenly spread over all.")
    var limit: Int?

    @Option(help: "Side of the patches whose seams are looked for; 4, 8, 16 and 32 where not given.")
    var patch: Int?

    @Flag(help: "The sides are the same pictures before and after something, in the same order: PSNR and SSIM too.")
    var pairs = false

    @Option(help: "Resamples for the intervals; 0 for none.")
    var bootstrap = 20

    @Option(help: "Decides subsets, halves, resamples, and which patches are compared along which directions.")
    var seed: UInt64 = 0

    @Option(help: "Pictures that go through the network at once.")
    var batch = 32

    @Option(help: "Writes the statistics of REAL to this .npz, for later evaluations.")
    var saveReal: String?

    @Option(help: "Writes the statistics of GENERATED to this .npz.")
    var saveGenerated: String?

    @Option(help: "Of the network's large products: fp32, or bf16, which wants oneDNN.")
    var precision = Precision.fp32

    @OptionGroup var threads: ThreadsOption

    @Flag(help: "Write over files that are there.")
    var overwrite = false

    @Flag(help: "JSON.")
    var json = false

    func validate() throws {
        let counts = [
            ("--batch", batch, 1), ("--limit", limit ?? 2, 2),
            ("--bootstrap", bootstrap, 0),
            ("--patch", patch ?? 2, 2),
        ]
        for (name, value, least) in counts where value < least {
            throw ValidationError("\(name) is \(value); it must be at least \(least).")
        }
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
        let evaluation = try communicator.agree {
            communicator.isRoot ? try makeEvaluation(extractor, communicator) : nil
        }
        if let evaluation {
            try measure(evaluation)
        } else if let extractor {
            try SharedExtraction(communicator, precision: precision).serve(extractor)
        }
    }

    private func makeEvaluation(
        _ extractor: (any FeatureExtractor)?, _ communicator: Communicator
    ) throws -> Evaluation {
        for path in [saveReal, saveGenerated].compactMap({ $0 }) {
            guard weights != nil else {
                throw CommandError("\(path) would hold statistics of features; give --weights of a network.")
            }
            if !overwrite, FileManager.default.fileExists(atPath: path) {
                throw CommandError("\(path) is there already; choose another name, or allow it by --overwrite.")
            }
        }
        return try Evaluation(
            real: EvaluationSource(path: real, limit: limit),
            generated: EvaluationSource(path: generated, limit: limit),
            extractor: extractor, weights: weights, communicator: communicator, settings: settings())
    }

    private func measure(_ evaluation: Evaluation) throws {
        let logger = makeLogger()
        logger.noteSlowProducts()
        let progress = ProgressBar(total: evaluation.pictures)
        let details = evaluation.size.map { "pictures of \($0)" } ?? ""
        var isReading = evaluation.pictures > 0
        let found = try evaluation.run(
            program: PixNerdCommand.program,
            progress: { progress.show($0, details) },
            computing: { what in
                if isReading { ProgressBar.breakLine() }
                isReading = false
                logger.notice("computing \(what)")
            },
            unreadable: { logger.warning("Skipping an unreadable picture: \($0)") })
        for (path, statistics) in [(saveReal, found.real), (saveGenerated, found.generated)] {
            guard let path, let statistics else { continue }
            try statistics.write(to: path)
            logger.notice("the statistics are in \(path)")
        }
        print(json ? try found.report.json() : EvaluationTable(found.report).text)
    }

    private func settings() throws -> Evaluation.Settings {
        var settings = Evaluation.Settings()
        settings.seed = seed
        settings.batch = batch
        settings.resamples = bootstrap
        settings.patch = patch
        settings.arePairs = pairs
        settings.precision = precision
        if let size {
            let (height, width) = try sides(of: size)
            guard min(height, width) >= 2, height <= ImageFile.maximumPixels / width else {
                throw CommandError(
                    "--size is '\(size)'; sides of at least 2 and pictures of at most \(ImageFile.maximumPixels) pixels "
                        + "are measured.")
            }
            settings.size = PictureExtent(height: height, width: width)
        }
        return settings
    }

    private func openExtractor() throws -> (any FeatureExtractor)? {
        guard let weights else {
            guard features == .inception else {
                throw CommandError("--features \(features.rawValue) needs the network's --weights.")
            }
            return nil
        }
        switch features {
        case .inception: return try InceptionExtractor(path: weights, input: backend)
        case .dinov2: return try DINOv2Extractor(path: weights)
        }
    }
}
