import ArgumentParser
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport

struct VaeDecodeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "decode",
        abstract: "Writes the film that a video autoencoder's latents are of.",
        discussion: """
            The name of the output decides what is written: .gif, .png or .apng (animated PNG), .npz (uint8 [T, H, W, 3]), \
            and without an extension a folder of frames.

              pixnerd vae decode OpenSora-VAE-v1.2 film.safetensors --out film.gif
              pixnerd vae decode OpenSora-VAE-v1.2 film.safetensors --out frames \\
                --memory 4
            """)

    @Argument(help: "Video autoencoder: a directory of Open-Sora 1.2, its file, or a run of kind video-autoencoder.")
    var autoencoder: String

    @Argument(help: "File of latents: latents [1, c, t, h, w], as pixnerd vae encode writes it.")
    var latents: String

    @Option(help: "Film to write: a name that ends in .gif, .png, .apng or .npz, or a new folder.")
    var out: String

    @Option(help: "Number of frames, if the file does not say (default: as many as the latents can be of).")
    var frames: Int?

    @Option(help: "Frames per second (default: what the file says, else 25).")
    var rate: Double?

    @OptionGroup var options: VideoOptions
    @OptionGroup var threads: ThreadsOption

    @Flag(help: "Overwrite an existing file.")
    var overwrite = false

    func validate() throws {
        try expectOption("--frames", frames, in: 1...Clip.mostFrames)
        if let rate, !(0.1...1000).contains(rate) {
            throw ValidationError("--rate is \(rate); it must be from 0.1 to 1000.")
        }
    }

    func run() throws {
        threads.apply()
        guard let format = Clip.Format(writing: out) else {
            throw CommandError(
                "--out is '\(out)'; expected a name that ends in .gif, .png, .apng or .npz, or a new folder.")
        }
        if format != .folder { try expectOutput("--out", out, overwrites: overwrite) }
        let checkpoint = try VideoAutoencoderCheckpoint(path: autoencoder)
        let model = try checkpoint.load()
        let found = try VideoLatents(path: latents, frames: frames, for: model)
        let f = checkpoint.spatial.reduction
        let size = ImageSize(height: f * found.latents.shape[2], width: f * found.latents.shape[3])
        let space = try options.space(checkpoint, model, size: size, name: latents)
        let progress = ProgressBar(total: found.frames)
        let decoded = try space.decode(found) { progress.show($0, "frames") }
        ProgressBar.breakLine()
        let clip = Clip(
            decoded.frames, milliseconds: rate.map { max(1, Int((1000 / $0).rounded())) } ?? decoded.milliseconds)
        try clip.write(format, to: out)
        print("\(counted(clip.frames.count, "frame")) of \(size.width) x \(size.height) pixels are in \(out).")
    }
}
