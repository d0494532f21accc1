import ArgumentParser
import PixNerdDiffusion
import PixNerdEvaluation
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTraining

struct VaeCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Tells whether an autoencoder's scale brings the latents of pictures near mean 0 and deviation 1.",
        discussion: """
            Diffusion counts on such latents. Samples of them are measured after the scale of the autoencoder's \
            config.json, in total and channel by channel, and the scaling factor that would bring them to deviation 1 is \
            told; the factor of another autoencoder, and latents that are scaled twice or not at all, are called by their \
            names. Without a config.json the latents are measured as they are.

            The exit status is 0 where mean and deviation are near 0 and 1 and 1 where they are not, so that scripts can \
            go by it.

              pixnerd vae check sd-vae-ft-mse datasets/mine
              pixnerd vae check checkpoints/my-autoencoder datasets/mine --size 64 --json
            """)

    @Argument(help: "An autoencoder: a directory of diffusers', a file, or a run of kind autoencoder.")
    var autoencoder: String

    @Argument(help: "The pictures: a folder, with folders in it or without, or WebDataset shards.")
    var pictures: String

    @Option(help: "The side in pixels that pictures are cropped and scaled to.")
    var size = 256

    @Option(help: "At most so many pictures, evenly spread over all.")
    var count = 256

    @Option(help: "Pictures at once.")
    var batch = 8

    @OptionGroup var threads: ThreadsOption

    @Flag(help: "Decode large JPEG pictures at a fraction of their size, as data.fast_decode does.")
    var fastDecode = false

    @Flag(help: "JSON.")
    var json = false

    func validate() throws {
        let counts = [("--size", size), ("--count", count), ("--batch", batch)]
        for (name, value) in counts where value < 1 {
            throw ValidationError("\(name) is \(value); it must be at least 1.")
        }
    }

    func run() throws {
        threads.apply()
        let checkpoint = try AutoencoderCheckpoint(path: autoencoder)
        if let problem = sizeProblem(size, multiple: checkpoint.architecture.reduction) {
            throw CommandError("--size \(problem).")
        }
        let logger = makeLogger()
        let collection = try ImageCollection.pictures(below: pictures)
        let progress = ProgressBar(total: min(count, collection.samples.count))
        let found = try AutoencoderScaleCheck(
            checkpoint, collection, imageSize: size, count: count, batch: batch, fastDecode: fastDecode,
            unreadable: { logger.warning("Skipping an unreadable picture: \($0)") },
            progress: { progress.show($0, "pictures") })
        ProgressBar.breakLine()
        print(json ? try JSON.text(found, isPretty: true) : VaeCheckTable(found).text)
        if !found.isNear { throw ExitCode(1) }
    }
}
