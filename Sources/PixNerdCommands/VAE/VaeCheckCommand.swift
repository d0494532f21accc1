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
        abstract: "Checks that an autoencoder's scaled latents have about mean 0 and standard deviation 1.",
        discussion: """
            Diffusion relies on such latents. Samples of them, scaled as the autoencoder's config.json says, are \
            measured in total and per channel, and the scaling factor that would bring them to standard deviation 1 is \
            printed. The factor of another autoencoder, and latents that are scaled twice or not at all, are \
            recognized. Without a config.json the unscaled latents are measured.

            For a video autoencoder, IMAGES is a film (see pixnerd vae encode) or a folder of films. The means of its \
            normalized latents are measured with the factor that its weights are used with and with the factors of \
            published image autoencoders, and the one that fits is named.

            The exit status is 0 if mean and standard deviation are near 0 and 1, otherwise 1, for use in scripts.

              pixnerd vae check sd-vae-ft-mse datasets/mine
              pixnerd vae check checkpoints/my-autoencoder datasets/mine --size 64 --json
              pixnerd vae check OpenSora-VAE-v1.2 film.gif
            """)

    @Argument(
        help: """
            Autoencoder: a diffusers directory, a file, or a run of kind autoencoder; or a video autoencoder (see pixnerd \
            vae encode).
            """)
    var autoencoder: String

    @Argument(help: "Images: a folder, with or without subfolders, or WebDataset shards; or films.")
    var pictures: String

    @Option(help: "Side in pixels that images are cropped and scaled to.")
    var size = 256

    @Option(help: "Maximum number of images or films (sampled evenly).")
    var count = 256

    @Option(help: "Images per batch.")
    var batch = 8

    @OptionGroup var video: VideoOptions
    @OptionGroup var threads: ThreadsOption

    @Flag(help: "Decode large JPEGs at a fraction of their size, like data.fast_decode.")
    var fastDecode = false

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        try expectOption("--size", size, in: 1...SizeLimits.side)
        try expectOption("--count", count, in: 1...SizeLimits.images)
        try expectOption("--batch", batch, in: 1...SizeLimits.batch)
    }

    func run() throws {
        threads.apply()
        guard !VideoAutoencoderCheckpoint.isVideoAutoencoder(path: autoencoder) else { return try checkFilms() }
        try video.expectUnused()
        let checkpoint = try AutoencoderCheckpoint(path: autoencoder)
        if let problem = sizeProblem(size, multiple: checkpoint.architecture.reduction) {
            throw CommandError("--size \(problem).")
        }
        let logger = makeLogger()
        let collection = try ImageCollection.pictures(below: pictures)
        let progress = ProgressBar(total: min(count, collection.samples.count))
        let found = try AutoencoderScaleCheck(
            checkpoint, collection, imageSize: size, count: count, batch: batch,
            decoding: PictureDecoding(isFast: fastDecode),
            unreadable: { logger.warning("Skipping an unreadable image: \($0)") },
            progress: { progress.show($0, "images") })
        ProgressBar.breakLine()
        print(json ? try JSON.text(found, isPretty: true) : VaeCheckTable(found).text)
        if !found.isNear { throw ExitCode(1) }
    }

    private func checkFilms() throws {
        let checkpoint = try VideoAutoencoderCheckpoint(path: autoencoder)
        let films = try Clip.paths(pictures, most: count)
        let progress = ProgressBar(total: films.count)
        let found = try VideoScaleCheck(checkpoint, films: films, bytes: video.bytes, tile: video.vaeTile) {
            progress.show($0, "films")
        }
        ProgressBar.breakLine()
        if let warning = checkpoint.scaleWarning { makeLogger().warning("\(warning)") }
        print(json ? try JSON.text(found, isPretty: true) : VideoCheckTable(found).text)
        if !found.isNear { throw ExitCode(1) }
    }
}
