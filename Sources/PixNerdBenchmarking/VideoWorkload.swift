import PixNerdLayers
import PixNerdModels
import PixNerdSupport
import PixNerdTensors

extension Workload {
    /// The video autoencoder of Open-Sora 1.2's sizes with random weights, on one piece of a film.
    static func videoAutoencoder(_ name: String, size: Int) -> Workload {
        // The sizes are fixed and valid.
        let spatial = try! AutoencoderArchitecture(levelWidths: [128, 256, 512, 512])
        let temporal = try! TemporalArchitecture()
        let frames = VideoNumbers.openSoraPiece
        let side = size / spatial.reduction
        return Workload(
            name: name, batch: frames, modes: [.encode, .decode],
            // The im2col matmuls of 3 x 3 convolutions of frames, and of 3 x 3 x 3 ones over time.
            products: spatial.levelWidths.enumerated().map { level, width in
                (min(frames * (size >> level) * (size >> level), 8192), width, 9 * width, 1)
            } + [(5 * side * side, 512, 27 * 512, 1)],
            multiplyAdds: { mode in
                let frame = ImageSize(height: size, width: size)
                return mode == .encode
                    ? temporal.encodingMultiplyAdds(frames: frames, of: frame, with: spatial)
                    : temporal.decodingMultiplyAdds(frames: frames, of: frame, with: spatial)
            },
            prepare: { mode in
                let model = VideoAutoencoder(
                    spatial: Autoencoder(spatial, seed: 0), temporal: TemporalAutoencoder(temporal, seed: 1),
                    numbers: VideoNumbers(
                        spatialFactor: VideoNumbers.openSoraFactor,
                        channels: ChannelNormalization(shift: [0, 0, 0, 0], scale: [1, 1, 1, 1]), piece: frames))
                // Six gigabytes are what such a film may take.
                let plan = try? VideoPlan(model, height: side, width: side, bytes: 6e9)
                let planned = plan ?? VideoPlan(framesAtOnce: 1)
                guard mode == .decode else {
                    let film = noise([frames, 3, size, size], step: -1)
                    return { _ in _ = model.encode(film, plan: planned) }
                }
                let latents = noise([5, 4, side, side], step: -2)
                return { _ in _ = model.decode(latents, frames: frames, plan: planned) }
            }, bytes: { _ in 6_000_000_000 }, runsOnlyAlone: true)
    }
}
