import ArgumentParser
import Logging
import PixNerdDiffusion
import PixNerdModels
import PixNerdTraining

/// How the latents of a model that was trained in latents become pictures.
struct AutoencoderOptions: ParsableArguments {
    @Option(
        help: """
            Where the autoencoder of a model in latents lies, where that is not the place that the run recorded: a \
            directory of diffusers', a file, or a run of kind autoencoder.
            """)
    var vae: String?

    @Flag(help: "Also decode by an autoencoder of other weights or another scale than the model was trained with.")
    var vaeOverride = false

    @Option(
        help: """
            Decodes latents in overlapping squares of so many pixels, for memory; the pictures are not exactly those that \
            decoding them whole gives.
            """)
    var vaeTile: Int?

    func validate() throws {
        if let vaeTile, vaeTile < 1 { throw ValidationError("--vae-tile is \(vaeTile); it must be at least 1.") }
    }

    /// A checkpoint's model, and what its pictures are decoded by: nil where it makes pixels.
    func load(
        _ checkpoint: PixNerdCheckpoint, _ kind: WeightKind
    ) throws -> (model: PixNerd, autoencoder: LatentAutoencoder?) {
        let found = try checkpoint.load(kind, autoencoder: vae, allowsOther: vaeOverride)
        if found.autoencoder == nil, vaeTile != nil {
            throw CommandError("\(checkpoint.path) makes pixels, which are not decoded; leave --vae-tile out.")
        }
        return found
    }

    /// The space of an autoencoder, in tiles where they are asked for and the canvas takes more than one.
    func space(_ autoencoder: LatentAutoencoder, _ size: PictureSize, logger: Logger) throws -> LatentSpace {
        guard let vaeTile else { return autoencoder.space(tiles: nil) }
        let reduction = autoencoder.model.reduction
        if let problem = sizeProblem(vaeTile, multiple: reduction) { throw CommandError("--vae-tile \(problem)") }
        let side = vaeTile / reduction
        let tiles = try DecodingTiles(side: side, overlap: side / 4)
        if tiles.isNeeded(height: size.canvasHeight / reduction, width: size.canvasWidth / reduction) {
            logger.warning(
                """
                pictures are decoded in squares of \(vaeTile) pixels that overlap by \(side / 4 * reduction): they are \
                not exactly those of decoding them whole, and large areas may differ in tone from square to square
                """)
        }
        return autoencoder.space(tiles: tiles)
    }
}
