import ArgumentParser
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport

struct VaeEncodeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "encode",
        abstract: "Writes a video autoencoder's latents of a film.",
        discussion: """
            A film is a folder of frames as image files in the order of their names, an .npz with one array uint8 [T, H, W, \
            3], a GIF, or an animated PNG. The file of latents also holds the number and the duration of the frames.

              pixnerd vae encode OpenSora-VAE-v1.2 film.gif --out film.safetensors
              pixnerd vae encode OpenSora-VAE-v1.2 frames --out film.safetensors \\
                --memory 4
            """)

    @Argument(help: "Video autoencoder: a directory of Open-Sora 1.2, its file, or a run of kind video-autoencoder.")
    var autoencoder: String

    @Argument(help: "Film: a folder of frames, an .npz, a GIF or an animated PNG.")
    var film: String

    @Option(help: "File of latents to write (.safetensors).")
    var out: String

    @Option(help: "Draw latents with this seed (default: take their means).")
    var seed: UInt64?

    @OptionGroup var options: VideoOptions
    @OptionGroup var threads: ThreadsOption

    @Flag(help: "Overwrite an existing file.")
    var overwrite = false

    func run() throws {
        threads.apply()
        try expectOutput("--out", out, ending: "safetensors", overwrites: overwrite)
        let checkpoint = try VideoAutoencoderCheckpoint(path: autoencoder)
        let clip = try Clip.read(film)
        let space = try options.space(checkpoint, checkpoint.load(), size: clip.size, name: film)
        let progress = ProgressBar(total: clip.frames.count)
        let found = try space.encode(clip, seed: seed) { progress.show($0, "frames") }
        ProgressBar.breakLine()
        try found.write(to: out)
        print(
            "\(counted(clip.frames.count, "frame")) of \(clip.size.width) x \(clip.size.height) pixels are "
                + "\(counted(found.latents.shape[0], "latent")) \(found.latents.shape[1...].map { "\($0)" }.joined(separator: " x ")) "
                + "in \(out).")
    }
}
