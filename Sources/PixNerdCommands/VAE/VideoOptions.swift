import ArgumentParser
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport

/// The memory and the tiles that films are computed in.
struct VideoOptions: ParsableArguments {
    @Option(
        help: """
            For films: memory in GB that weights and computation may take (default: three quarters of what there is). \
            If whole frames do not fit, they are computed in tiles.
            """)
    var memory: Double?

    @Option(
        help: "For films: side in pixels of the tiles that frames are computed in (default: whole frames if they fit).")
    var vaeTile: Int?

    func validate() throws {
        if let memory, !(memory > 0 && memory <= 1e6) {
            throw ValidationError("--memory is \(memory); it must be above 0 and at most 1000000 GB.")
        }
        if let vaeTile, !(1...ImageFile.maximumPixels).contains(vaeTile) {
            throw ValidationError("--vae-tile is \(vaeTile); it must be from 1 to \(ImageFile.maximumPixels).")
        }
    }

    var bytes: Double? { memory.map { $0 * 1e9 } }

    /// The space of films of one size; says what is approximate, and which factor is kept.
    func space(
        _ checkpoint: VideoAutoencoderCheckpoint, _ model: VideoAutoencoder, size: ImageSize, name: String
    ) throws -> VideoSpace {
        let logger = makeLogger()
        let space = try VideoSpace(model, size: size, bytes: bytes, tile: vaeTile, name: name)
        if let warning = checkpoint.scaleWarning { logger.warning("\(warning)") }
        if let notice = space.tileNotice { logger.notice("\(notice)") }
        return space
    }

    /// Whether these options are set.
    var isUsed: Bool { memory != nil || vaeTile != nil }

    /// - Throws: `CommandError` if they are set for an autoencoder of images.
    func expectUnused() throws {
        guard isUsed else { return }
        throw CommandError("--memory and --vae-tile are for films; leave them out with an image autoencoder.")
    }
}
