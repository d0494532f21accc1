import PixNerdCheckpoints
import PixNerdModels
import PixNerdSupport
import PixNerdTensors

/// A comparison of a video autoencoder with a reference of PyTorch: `video` [B, 3, T, H, W] in [-1, 1] with `latent_of_means`
/// [B, c, t, h, w] and `decoded`, and with `noise_spatial` and `noise_temporal` also `latent_drawn`; and for the temporal part
/// alone `temporal_input` [B, C, T, h, w] with `temporal_mean`, `temporal_log_variance` and `temporal_decoded`.
public struct VideoAutoencoderCheck {
    private let model: VideoAutoencoder
    private let reference: SafetensorsFile
    private let tolerance: Double

    /// Whether a file is a reference for a video autoencoder.
    public static func isReference(_ file: SafetensorsFile) -> Bool {
        ["video", "temporal_input"].contains { file.shape(of: $0) != nil }
    }

    public init(_ model: VideoAutoencoder, reference: SafetensorsFile, tolerance: Double) {
        (self.model, self.reference, self.tolerance) = (model, reference, tolerance)
    }

    /// Compares all outputs that the reference has.
    ///
    /// - Throws: `PixNerdError` if a tensor is missing, or a shape does not fit the model.
    public func comparisons() throws -> [Comparison] {
        try (reference.shape(of: "video") == nil ? [] : wholeComparisons())
            + (reference.shape(of: "temporal_input") == nil ? [] : temporalComparisons())
    }

    private func wholeComparisons() throws -> [Comparison] {
        let grid = model.grid
        let video = try tensor("video", channels: model.spatial.architecture.channels)
        guard video.shape[3] % grid.space == 0, video.shape[4] % grid.space == 0 else {
            throw PixNerdError(
                .mismatch, "\(reference.path): video", found: "has frames of \(video.shape[3]) x \(video.shape[4])",
                expected: "multiples of \(grid.space)")
        }
        let sides = [video.shape[3] / grid.space, video.shape[4] / grid.space]
        let frames = video.shape[2]
        let pieces = model.pieces.pieces(frames: frames)
        let latentShape = [video.shape[0], model.latentChannels, model.pieces.latents(frames: frames)] + sides
        func encoded(_ noise: (spatial: Tensor, temporal: Tensor)?) -> [Tensor] {
            (0..<video.shape[0]).map { clip in
                let (frames, drawn) = (
                    video.framesOfClip(clip),
                    noise.map { ($0.spatial.framesOfClip(clip), $0.temporal.framesOfClip(clip)) }
                )
                return Tensor.concatenated(
                    pieces.map { piece in
                        model.encode(
                            frames.rows(piece.frames),
                            noise: drawn.map {
                                VideoNoise(spatial: $0.0.rows(piece.frames), temporal: $0.1.rows(piece.latents))
                            })
                    })
            }
        }
        let means = encoded(nil)
        var comparisons = [Comparison]()
        if reference.shape(of: "latent_of_means") != nil {
            comparisons.append(try comparison("latent_of_means", means))
        }
        if reference.shape(of: "latent_drawn") != nil {
            let spatial = try tensor("noise_spatial", [video.shape[0], model.spatial.latentChannels, frames] + sides)
            comparisons.append(
                try comparison("latent_drawn", encoded((spatial, tensor("noise_temporal", latentShape)))))
        }
        if reference.shape(of: "decoded") != nil {
            // PyTorch decoded its own latents.
            let given =
                reference.shape(of: "latent_of_means") == nil
                ? means : try clips(tensor("latent_of_means", latentShape))
            let decoded = given.map { latents in
                Tensor.concatenated(
                    pieces.map { model.decode(latents.rows($0.latents), frames: $0.frames.count) })
            }
            comparisons.append(try comparison("decoded", decoded))
        }
        return comparisons
    }

    private func temporalComparisons() throws -> [Comparison] {
        let temporal = model.temporal
        let input = try tensor("temporal_input", channels: temporal.architecture.channels)
        let frames = input.shape[2]
        let moments = clips(input).map { Posterior(moments: temporal.moments($0, frames: frames)) }
        let decoded = moments.map { temporal.decode($0.mean, frames: frames) }
        return try [
            ("temporal_mean", moments.map(\.mean)), ("temporal_log_variance", moments.map(\.logVariance)),
            ("temporal_decoded", decoded),
        ].filter { reference.shape(of: $0.0) != nil }.map(comparison)
    }

    private func clips(_ tensor: Tensor) -> [Tensor] { (0..<tensor.shape[0]).map(tensor.framesOfClip) }

    private func tensor(_ name: String, channels: Int) throws -> Tensor {
        let tensor = try reference.tensor(name)
        guard tensor.shape.count == 5, tensor.shape[1] == channels, !tensor.shape.contains(0) else {
            throw PixNerdError(
                .mismatch, "\(reference.path): \(name)", found: "has the shape \(tensor.shape)",
                expected: "[B, \(channels), T, H, W]")
        }
        return tensor
    }

    private func tensor(_ name: String, _ shape: [Int]) throws -> Tensor {
        let tensor = try reference.tensor(name)
        guard tensor.shape == shape else { throw mismatch(name, tensor.shape, shape) }
        return tensor
    }

    private func mismatch(_ name: String, _ found: [Int], _ expected: [Int]) -> PixNerdError {
        PixNerdError(
            .mismatch, "\(reference.path): \(name)", found: "has the shape \(found)",
            expected: "\(expected), as the autoencoder computes")
    }

    private func comparison(_ name: String, _ actual: [Tensor]) throws -> Comparison {
        let expected = try reference.tensor(name)
        let actual = Tensor.concatenated(actual.map(\.asClip))
        guard expected.shape == actual.shape else { throw mismatch(name, expected.shape, actual.shape) }
        return Comparison(name, actual.values, expected.values, tolerance: tolerance)
    }
}
