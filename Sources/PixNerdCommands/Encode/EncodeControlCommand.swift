import ArgumentParser
import PixNerdImages
import PixNerdPrecompute
import PixNerdSpaces
import PixNerdSupport
import PixNerdTraining

extension EdgeKind: ExpressibleByArgument {}

/// How control pictures are made of others.
struct EdgeOptions: ParsableArguments {
    @Option(
        help: """
            Edges to find: canny (lines one pixel wide), soft (gradients at three scales), or hed (a network, see --hed).
            """)
    var edges: EdgeKind?

    @Option(help: "The network of hed edges, ControlNetHED.pth.")
    var hed: String?
}

struct EncodeControlCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "control",
        abstract: "Writes the edges of all images, as control pictures with their names.",
        discussion: """
            White edges on black, as grey PNG files in the images' class folders. A run is controlled by them if \
            control.pictures is their directory; with control.edges it finds edges by itself. Running the same command \
            again resumes stopped work.

              pixnerd encode control datasets/mine --edges canny \\
                --out datasets/mine-canny
              pixnerd encode control datasets/mine --edges hed \\
                --hed ControlNetHED.pth --out datasets/mine-hed
            """)

    @Argument(help: "Images: a folder, a .zip of one, or WebDataset shards.")
    var pictures: String

    @OptionGroup var edgeOptions: EdgeOptions

    @Option(help: "Output directory.")
    var out: String

    @OptionGroup var threads: ThreadsOption

    /// Images that are read at once.
    private static let batch = 16

    func run() throws {
        threads.apply()
        guard let kind = edgeOptions.edges else {
            throw ValidationError("--edges is missing; give canny, soft or hed.")
        }
        let images = try ImageCollection.pictures(below: pictures)
        let detector = try EdgeDetector(kind, network: edgeOptions.hed)
        let work = try EdgeEncoding(detector, images, to: out)
        let logger = makeLogger()
        for remark in images.remarks { logger.warning("\(pictures): \(remark)") }
        let watcher = ShardWatcher(total: images.samples.count, unit: "images", batch: Self.batch, logger: logger)
        let result = try work.run(batchSize: Self.batch, watcher)
        ProgressBar.breakLine()
        print(
            result.isFinished
                ? "Edges of \(result.written + result.kept) images are in \(out), \(result.written) of them new."
                : "Stopped; run the same command again to resume \(out).")
    }
}
