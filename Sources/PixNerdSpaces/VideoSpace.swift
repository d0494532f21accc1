import PixNerdImages
import PixNerdLayers
import PixNerdModels
import PixNerdSupport
import PixNerdTensors

/// Films and their latents by a video autoencoder, piece by piece.
public struct VideoSpace: Sendable {
    public let model: VideoAutoencoder
    /// How pieces of films of one size are computed.
    public let plan: VideoPlan
    /// The size of a frame.
    public let size: ImageSize

    /// - Parameters:
    ///   - size: the size of a frame.
    ///   - bytes: memory for weights and computation; nil for three quarters of what there is.
    ///   - tile: the side of tiles in pixels; nil for whole frames, or for as large tiles as fit.
    /// - Throws: `PixNerdError` if a side is no multiple of the autoencoder's, or the memory is too little.
    public init(_ model: VideoAutoencoder, size: ImageSize, bytes: Double? = nil, tile: Int? = nil, name: String) throws
    {
        let f = model.grid.space
        guard size.height % f == 0, size.width % f == 0 else {
            func nearest(_ side: Int) -> Int { max(f, (side + f / 2) / f * f) }
            throw PixNerdError(
                .mismatch, "\(name)", found: "has frames of \(size.width) x \(size.height) pixels",
                expected: "multiples of \(f)",
                advice: "scale or crop them, such as to \(nearest(size.width)) x \(nearest(size.height))")
        }
        if let tile, let problem = sizeProblem(tile, multiple: f) {
            throw PixNerdError(.invalidValue, "\(Setting.tile)", found: "\(problem)")
        }
        (self.model, self.size) = (model, size)
        plan = try VideoPlan(
            model, height: size.height / f, width: size.width / f, bytes: bytes ?? 0.75 * Double(AvailableMemory.bytes),
            side: tile.map { $0 / f })
    }

    /// Why frames are not exactly those of a whole decoder, as one sentence; nil if they are.
    public var tileNotice: String? {
        plan.tiles.map { tiles in
            "frames are computed in tiles of \(tiles.side * model.grid.space) pixels to save memory, and differ slightly "
                + "from whole ones"
        }
    }

    /// The pixels of frames, [T, 3, H, W] in -1 ... 1.
    public func pixels(_ frames: ArraySlice<RGBImage>) -> Tensor {
        PixelSpace().encode(
            frames.flatMap(\.pixels), count: frames.count, height: size.height, width: size.width)
    }

    /// The latents of a film.
    ///
    /// - Parameters:
    ///   - seed: the seed of the noise that latents are drawn with; nil for their means.
    ///   - progress: receives the number of frames that are done.
    /// - Throws: `PixNerdError` if latents are not finite, and what `progress` throws.
    public func encode(
        _ clip: Clip, seed: UInt64? = nil, progress: (_ frames: Int) throws -> Void = { _ in }
    ) throws -> VideoLatents {
        let parts = try model.pieces.pieces(frames: clip.frames.count).map { piece in
            let frames = pixels(clip.frames[piece.frames])
            let latents = model.encode(frames, noise: seed.map { noise($0, piece) }, plan: plan)
            try progress(piece.frames.upperBound)
            return latents
        }
        let latents = Tensor.concatenated(parts)
        try expectFinite(latents, "encodes")
        return VideoLatents(
            latents, frames: clip.frames.count, milliseconds: clip.milliseconds, fingerprint: model.fingerprint)
    }

    /// The film that latents are of.
    ///
    /// - Parameter progress: receives the number of frames that are done.
    /// - Throws: `PixNerdError` if frames are not finite, and what `progress` throws.
    public func decode(
        _ latents: VideoLatents, progress: (_ frames: Int) throws -> Void = { _ in }
    ) throws -> Clip {
        let frames = try model.pieces.pieces(frames: latents.frames).flatMap { piece in
            let decoded = model.decode(latents.latents.rows(piece.latents), frames: piece.frames.count, plan: plan)
            try expectFinite(decoded, "decodes")
            try progress(piece.frames.upperBound)
            return roundedPictures(decoded)
        }
        return Clip(frames, milliseconds: latents.milliseconds)
    }

    /// What a piece is drawn with: each frame and latent has noise of its own, by its number in the film.
    private func noise(_ seed: UInt64, _ piece: (frames: Range<Int>, latents: Range<Int>)) -> VideoNoise {
        let (height, width) = (size.height / model.grid.space, size.width / model.grid.space)
        return VideoNoise(
            spatial: Tensor.normal([piece.frames.count, model.spatial.latentChannels, height, width]) {
                RandomStream(seed: seed, purpose: .latents, index: piece.frames.lowerBound + $0)
            },
            temporal: Tensor.normal([piece.latents.count, model.latentChannels, height, width]) {
                RandomStream(seed: seed, purpose: .noise, index: piece.latents.lowerBound + $0)
            })
    }

    private func expectFinite(_ tensor: Tensor, _ does: ErrorText) throws {
        guard !tensor.isFinite else { return }
        throw PixNerdError(
            .notFinite, "The video autoencoder", found: does + " to numbers that are not finite",
            advice: "check its weights and the film")
    }
}
