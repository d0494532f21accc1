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
        abstract: "Compares autoencoders by what comes back of the same pictures, and by what they cost.",
        discussion: """
            Pictures are encoded to the means of their latents and decoded from these; the scale does not count. Of each \
            autoencoder: PSNR, SSIM and the distance of power spectra between the pictures and what comes back, rFID \
            where --features names a file of Inception-v3, the divergence of the latents in bits a pixel, seconds and \
            multiply-adds of a picture, memory, and parameters. Times and memory are those of this machine and of --batch.

            --out draws some of the pictures, and for each autoencoder what comes back and the differences around grey, \
            as many times as the label says.

              pixnerd vae compare sd-vae-ft-mse checkpoints/my-autoencoder datasets/mine \\
                --out vaes.png
              pixnerd vae compare sdxl-vae datasets/mine --size 512 --count 64 \\
                --features inception.pth --json
            """)

    @Argument(
        help: """
            Autoencoders (directories of diffusers', files, or runs of kind autoencoder), and at last the pictures: a \
            folder, with folders in it or without, WebDataset shards, or an .npz with arr_0.
            """)
    var paths: [String]

    @Option(help: "HEIGHTxWIDTH in pixels, or one number for both, to which pictures are cropped and scaled.")
    var size = "256"

    @Option(help: "At most so many pictures, evenly spread over all.")
    var count = 256

    @Option(help: "Pictures at once.")
    var batch = 4

    @OptionGroup var threads: ThreadsOption

    @Option(help: "Weights of Inception-v3 for rFID: the .pth that pytorch-fid and torch-fidelity publish.")
    var features: String?

    @Option(help: "How pictures come to Inception's size: torch-fidelity or pytorch-fid, as for pixnerd evaluate.")
    var backend = InceptionInput.torchFidelity

    @Option(help: "Draws pictures, what comes back, and the differences into this .png.")
    var out: String?

    @Flag(help: "Write over a file that is there.")
    var overwrite = false

    @Flag(help: "JSON.")
    var json = false

    func validate() throws {
        guard paths.count >= 2 else {
            throw ValidationError("At least one autoencoder and, at last, the pictures are expected.")
        }
        for (name, value) in [("--count", count), ("--batch", batch)] where value < 1 {
            throw ValidationError("\(name) is \(value); it must be at least 1.")
        }
    }

    func run() throws {
        threads.apply()
        if let out, !overwrite, FileManager.default.fileExists(atPath: out) {
            throw CommandError("\(out) is there already; choose another name, or allow it by --overwrite.")
        }
        let logger = makeLogger()
        let comparison = try AutoencoderComparison(
            paths.dropLast().map { try AutoencoderCheckpoint(path: $0) },
            pictures: EvaluationSource(path: paths[paths.count - 1], limit: count), size: extent(), batch: batch,
            extractor: features.map { try InceptionExtractor(path: $0, input: backend) }, weights: features)
        let progress = ProgressBar(total: comparison.pictures)
        let found = try comparison.run(
            program: PixNerdCommand.program,
            progress: { progress.show($0, "pictures read or returned") },
            unreadable: { logger.warning("Skipping an unreadable picture: \($0)") })
        ProgressBar.breakLine()
        if let out {
            try ImageFile.writePNG(found.sheet, to: out)
            logger.notice("the pictures and what comes back are in \(out)")
        }
        print(json ? try JSON.text(found.report, isPretty: true) : VaeCompareTable(found.report).text)
    }

    private func extent() throws -> PictureExtent {
        let (height, width) = try sides(of: size)
        guard min(height, width) >= 1, height <= ImageFile.maximumPixels / width else {
            throw CommandError(
                "--size is '\(size)'; sides of at least 1 and pictures of at most \(ImageFile.maximumPixels) pixels are "
                    + "expected.")
        }
        return PictureExtent(height: height, width: width)
    }
}
