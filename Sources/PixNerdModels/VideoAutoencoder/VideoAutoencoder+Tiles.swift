import PixNerdTensors

extension VideoAutoencoder {
    /// The latents of one piece, computed by a plan. With tiles they are approximate (see `DecodingTiles`).
    ///
    /// - Parameters:
    ///   - frames: [T, 3, H, W] in -1 ... 1, T at most the frames of a piece; H and W multiples of `grid.space`.
    ///   - noise: what latents are drawn with; nil for the means.
    /// - Returns: [t, c, H / f, W / f], normalized.
    public func encode(_ frames: Tensor, noise: VideoNoise? = nil, plan: VideoPlan) -> Tensor {
        let (count, f) = (temporal.latents(frames: frames.shape[0]), grid.space)
        let size = (height: frames.shape[2] / f, width: frames.shape[3] / f)
        guard let tiles = plan.tiles, tiles.isNeeded(height: size.height, width: size.width) else {
            return encode(frames, noise: noise, atOnce: plan.framesAtOnce)
        }
        let shape = [count, latentChannels, size.height, size.width]
        return tiles.blended(size: size, factor: 1, into: shape) { rows, columns in
            func cut(_ x: Tensor) -> Tensor { x.part(rows: rows, columns: columns) }
            return encode(
                frames.part(rows: rows.scaled(by: f), columns: columns.scaled(by: f)),
                noise: noise.map { VideoNoise(spatial: cut($0.spatial), temporal: cut($0.temporal)) },
                atOnce: plan.framesAtOnce)
        }
    }

    /// Decodes the latents of one piece by a plan. With tiles the frames are approximate (see `DecodingTiles`).
    ///
    /// - Parameters:
    ///   - latents: [t, c, h, w], normalized.
    ///   - frames: T, at most the frames of a piece.
    /// - Returns: [T, 3, f h, f w], about -1 ... 1.
    public func decode(_ latents: Tensor, frames: Int, plan: VideoPlan) -> Tensor {
        let (size, f) = ((height: latents.shape[2], width: latents.shape[3]), grid.space)
        guard let tiles = plan.tiles, tiles.isNeeded(height: size.height, width: size.width) else {
            return decode(latents, frames: frames, atOnce: plan.framesAtOnce)
        }
        let shape = [frames, spatial.architecture.channels, f * size.height, f * size.width]
        return tiles.blended(size: size, factor: f, into: shape) { rows, columns in
            decode(latents.part(rows: rows, columns: columns), frames: frames, atOnce: plan.framesAtOnce)
        }
    }

    /// Calls `body` with the tiles of frames that a plan computes together, or with whole frames.
    ///
    /// - Parameter frames: [T, 3, H, W]; H and W multiples of `grid.space`.
    public func forEachTile(of frames: Tensor, plan: VideoPlan, _ body: (_ tile: Tensor) -> Void) {
        let f = grid.space
        guard let tiles = plan.tiles, tiles.isNeeded(height: frames.shape[2] / f, width: frames.shape[3] / f) else {
            return body(frames)
        }
        for rows in tiles.spans(length: frames.shape[2] / f, reduction: f) {
            for columns in tiles.spans(length: frames.shape[3] / f, reduction: f) {
                body(frames.part(rows: rows.latents.scaled(by: f), columns: columns.latents.scaled(by: f)))
            }
        }
    }
}

extension Range<Int> {
    fileprivate func scaled(by factor: Int) -> Range<Int> { lowerBound * factor..<upperBound * factor }
}
