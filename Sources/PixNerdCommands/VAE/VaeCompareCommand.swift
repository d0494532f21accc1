import ArgumentParser
import Foundation
import PixNerdEvaluation
import PixNerdImages
import PixNerdModels
import PixNerdSupport
import PixNerdTraining

struct VaeCompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Compares the reconstructions and the costs of autoencoders.",
        discussion: """
            Images are encoded to the means of their latents and decoded from these; the scale has no effect. For each \
            autoencoder: PSNR, SSIM and distance of power spectra between images and reconstructions, rFID if \
            --features is given, KL divergence of the latents in bits per pixel, seconds and multiply-adds per image, \
            memory, and parameters. Times and memory depend on this machine and on --batch.

            --out draws some of the images, and for each autoencoder their reconstructions and the differences around \
            grey, amplified as the label says.

            Video autoencoders are compared on a film (see pixnerd vae encode) or a folder of films of one size, frame by \
            frame; --out is then a .gif, .png or .apng of the first film beside its reconstructions.

              pixnerd vae compare sd-vae-ft-mse checkpoints/my-autoencoder datasets/mine \\
                --out vaes.png
              pixnerd vae compare sdxl-vae datasets/mine --size 512 --count 64 \\
                --features inception.pth --json
              pixnerd vae compare checkpoints/my-video-autoencoder datasets/films \\
                --out round-trips.gif
            """)

    @Argument(
        help: """
            Autoencoders (diffusers directories, files, or runs of kind autoencoder), followed by the images: a \
            folder, with or without subfolders, WebDataset shards, or an .npz with arr_0. Or video autoencoders, \
            followed by films.
            """)
    var paths: [String]

    @Option(help: "Size that images are cropped and scaled to: HEIGHTxWIDTH, or one number for both.")
    var size = "256"

    @Option(help: "Maximum number of images or films (sampled evenly).")
    var count = 256

    @Option(help: "Images per batch.")
    var batch = 4

    @OptionGroup var video: VideoOptions
    @OptionGroup var threads: ThreadsOption

    @Option(help: "Weights of Inception-v3 for rFID: the .pth that pytorch-fid and torch-fidelity publish.")
    var features: String?

    @Option(help: "Resizing for Inception: torch-fidelity or pytorch-fid, as for pixnerd evaluate.")
    var backend = InceptionInput.torchFidelity

    @Option(help: "Draw images, reconstructions and differences to this .png; of films a .gif, .png or .apng.")
    var out: String?

    @Flag(help: "Overwrite an existing file.")
    var overwrite = false

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        guard paths.count >= 2 else {
            throw ValidationError("At least one autoencoder, followed by the images, is expected.")
        }
        try expectOption("--count", count, in: 1...SizeLimits.images)
        try expectOption("--batch", batch, in: 1...SizeLimits.batch)
    }

    func run() throws {
        threads.apply()
        let films = paths.dropLast().filter { VideoAutoencoderCheckpoint.isVideoAutoencoder(path: $0) }
        guard films.isEmpty else {
            guard films.count == paths.count - 1, features == nil else {
                throw CommandError(
                    "\(films[0]) is a video autoencoder; expected video autoencoders alone, without --features.")
            }
            return try compareFilms()
        }
        try video.expectUnused()
        if let out { try expectOutput("--out", out, ending: "png", overwrites: overwrite) }
        let logger = makeLogger()
        let comparison = try AutoencoderComparison(
            paths.dropLast().map { try AutoencoderCheckpoint(path: $0) },
            pictures: EvaluationSource(path: paths[paths.count - 1], limit: count), size: extent(), batch: batch,
            extractor: features.map { try InceptionExtractor(path: $0, input: backend) }, weights: features)
        let progress = ProgressBar(total: comparison.pictures)
        let found = try comparison.run(
            program: PixNerdCommand.program,
            progress: { progress.show($0, "images read or reconstructed") },
            unreadable: { logger.warning("Skipping an unreadable image: \($0)") })
        ProgressBar.breakLine()
        if let out {
            try ImageFile.writePNG(found.sheet, to: out)
            logger.notice("wrote images and reconstructions to \(out)")
        }
        print(json ? try JSON.text(found.report, isPretty: true) : VaeCompareTable(found.report).text)
    }

    private func extent() throws -> ImageSize {
        let sides = try sides(of: size)
        guard sides.shorterSide >= 1 else {
            throw CommandError(
                "--size is '\(size)'; expected sides of at least 1 and at most \(ImageFile.maximumPixels) pixels in all."
            )
        }
        return sides
    }

    private func compareFilms() throws {
        var format: Animation.Format?
        if let out {
            guard case .animation(let found) = Clip.Format(writing: out) else {
                throw CommandError("--out is '\(out)'; expected a name that ends in .gif, .png or .apng.")
            }
            try expectOutput("--out", out, overwrites: overwrite)
            format = found
        }
        let logger = makeLogger()
        let checkpoints = try paths.dropLast().map { try VideoAutoencoderCheckpoint(path: $0) }
        let root = paths[paths.count - 1]
        let comparison = try VideoComparison(
            checkpoints, films: Clip.paths(root, most: count), root: root, bytes: video.bytes, tile: video.vaeTile)
        let progress = ProgressBar(total: comparison.work)
        let found = try comparison.run(
            program: PixNerdCommand.program, progress: { progress.show($0, "frames reconstructed") })
        ProgressBar.breakLine()
        for warning in checkpoints.compactMap(\.scaleWarning) { logger.warning("\(warning)") }
        if let out, let format {
            try found.film.write(.animation(format), to: out)
            logger.notice("wrote the first film and its reconstructions to \(out)")
        }
        print(json ? try JSON.text(found.report, isPretty: true) : VaeCompareTable(found.report).text)
    }
}
