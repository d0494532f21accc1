import PixNerdDiffusion
import PixNerdLayers
import PixNerdSupport
import PixNerdTensors

/// A video autoencoder: an image autoencoder for each frame, and a temporal one over its latents (Open-Sora, Zheng et al.,
/// arXiv 2412.20404, section 2.1). Always in float32.
///
/// A clip is encoded and decoded in pieces of `numbers.piece` frames, which know nothing of one another, as the norms of the
/// temporal part span a piece.
public final class VideoAutoencoder: Sendable {
    public let spatial: Autoencoder
    public let temporal: TemporalAutoencoder
    public let numbers: VideoNumbers

    /// - Precondition: the temporal part takes the latents of the image autoencoder, and `numbers` are of its latents.
    public init(spatial: Autoencoder, temporal: TemporalAutoencoder, numbers: VideoNumbers) {
        let latent = temporal.architecture.latentChannels
        precondition(
            temporal.architecture.channels == spatial.latentChannels && numbers.channels.shift.count == latent
                && numbers.channels.scale.count == latent && numbers.piece > 0,
            "VideoAutoencoder: \(temporal.architecture) and \(numbers) do not fit \(spatial.latentChannels) channels")
        (self.spatial, self.temporal, self.numbers) = (spatial, temporal, numbers)
    }

    /// The pixels and frames that latents stand for.
    public var grid: LatentGrid { LatentGrid(space: spatial.reduction, time: temporal.architecture.factor) }
    public var latentChannels: Int { temporal.architecture.latentChannels }
    public var parameterCount: Int { spatial.parameterCount + temporal.parameterCount }
    /// The division of clips into pieces.
    public var pieces: VideoPieces { VideoPieces(piece: numbers.piece, factor: grid.time) }

    /// A hash of names, weights and numbers, equal for the same ones in different files.
    public var fingerprint: String {
        var fingerprint = Fingerprint()
        let channels = numbers.channels
        fingerprint.add(
            "\(spatial.fingerprint) \(numbers.spatialFactor) \(numbers.piece) \(channels.shift) \(channels.scale)")
        for parameter in temporal.parameters {
            fingerprint.add(parameter.name)
            fingerprint.add(parameter.value)
        }
        return fingerprint.text
    }

    /// The scaled latents of frames by the image autoencoder alone, which the temporal part encodes.
    ///
    /// - Parameters:
    ///   - frames: [T, 3, H, W] in -1 ... 1; H and W multiples of `grid.space`.
    ///   - noise: [T, C, H / f, W / f], standard normal; nil for the means.
    ///   - atOnce: frames that are encoded together.
    /// - Returns: [T, C, H / f, W / f].
    public func frameLatents(_ frames: Tensor, noise: Tensor? = nil, atOnce: Int = .max) -> Tensor {
        let moments = inParts(frames, atOnce: atOnce, spatial.moments)
        let (mean, logVariance) = gaussianParts(moments)
        let drawn = noise.map { gaussianSample(mean: mean, logVariance: logVariance, noise: $0) } ?? mean
        return scaled(drawn, by: numbers.spatialFactor)
    }

    /// The latents of one piece.
    ///
    /// - Parameters:
    ///   - frames: [T, 3, H, W] in -1 ... 1, T at most the frames of a piece; H and W multiples of `grid.space`.
    ///   - noise: what latents are drawn with; nil for the means.
    ///   - atOnce: frames that the image autoencoder encodes together.
    /// - Returns: [t, c, H / f, W / f], normalized.
    public func encode(_ frames: Tensor, noise: VideoNoise? = nil, atOnce: Int = .max) -> Tensor {
        let count = frames.shape[0]
        precondition(count <= numbers.piece, "VideoAutoencoder: \(count) frames are more than a piece has")
        let x = frameLatents(frames, noise: noise?.spatial, atOnce: atOnce)
        let (mean, logVariance) = gaussianParts(temporal.moments(x, frames: count))
        return normalized(
            noise.map { gaussianSample(mean: mean, logVariance: logVariance, noise: $0.temporal) } ?? mean)
    }

    /// The means of a piece's latents, from its frames' latents.
    ///
    /// - Parameter x: what `frameLatents` gives, [T, C, h, w].
    /// - Returns: [t, c, h, w], normalized.
    public func means(ofFrameLatents x: Tensor) -> Tensor {
        normalized(gaussianParts(temporal.moments(x, frames: x.shape[0])).mean)
    }

    /// Decodes the latents of one piece.
    ///
    /// - Parameters:
    ///   - latents: [t, c, h, w], normalized.
    ///   - frames: T, at most the frames of a piece.
    ///   - atOnce: frames that the image autoencoder decodes together.
    /// - Returns: [T, 3, f h, f w], about -1 ... 1.
    public func decode(_ latents: Tensor, frames: Int, atOnce: Int = .max) -> Tensor {
        let x = temporal.decode(unnormalized(latents), frames: frames)
        return inParts(scaled(x, by: 1 / numbers.spatialFactor), atOnce: atOnce) { spatial.decode($0) }
    }

    /// Unnormalized latents [t, c, h, w] with each channel near mean 0 and standard deviation 1.
    public func normalized(_ latents: Tensor) -> Tensor {
        mapped(latents) { ($0 - numbers.channels.shift[$1]) / numbers.channels.scale[$1] }
    }

    private func unnormalized(_ latents: Tensor) -> Tensor {
        mapped(latents) { $0 * numbers.channels.scale[$1] + numbers.channels.shift[$1] }
    }

    /// Maps every number of [t, c, h, w], given its channel.
    private func mapped(_ x: Tensor, _ body: (_ value: Float, _ channel: Int) -> Float) -> Tensor {
        precondition(
            x.shape.count == 4 && x.shape[1] == latentChannels,
            "VideoAutoencoder: latents \(x.shape) are not [t, \(latentChannels), h, w]")
        let area = x.shape[2] * x.shape[3]
        var out = x.copied()
        out.withUnsafeMutableBuffer { out in
            for i in out.indices { out[i] = body(out[i], i / area % latentChannels) }
        }
        return out
    }

    private func inParts(_ x: Tensor, atOnce: Int, _ body: (Tensor) -> Tensor) -> Tensor {
        guard x.shape[0] > atOnce else { return body(x) }
        return Tensor.concatenated(
            stride(from: 0, to: x.shape[0], by: atOnce).map { body(x.rows($0..<min($0 + atOnce, x.shape[0]))) })
    }
}

/// What latents of a piece are drawn with.
public struct VideoNoise: Sendable {
    /// [T, C, h, w], standard normal.
    public let spatial: Tensor
    /// [t, c, h, w], standard normal.
    public let temporal: Tensor

    public init(spatial: Tensor, temporal: Tensor) { (self.spatial, self.temporal) = (spatial, temporal) }
}

/// The numbers of a video autoencoder that no tensor's shape tells.
public struct VideoNumbers: Sendable, Equatable {
    /// The factor that the image autoencoder's latents were multiplied by while the temporal part was trained.
    public var spatialFactor: Float
    /// Means and standard deviations of the temporal part's latents.
    public var channels: ChannelNormalization
    /// Frames of a piece.
    public var piece: Int

    /// The factor of Open-Sora 1.2: that of Stable Diffusion 1, although the weights are SDXL's.
    public static let openSoraFactor = LatentScale.usualFactor
    /// The frames of a piece of Open-Sora 1.2.
    public static let openSoraPiece = 17

    /// The factors of published image autoencoders of four channels that temporal parts may have been trained with.
    public static let knownFactors: [(name: String, factor: Float)] = [
        ("Stable Diffusion 1", openSoraFactor), ("SDXL", 0.13025),
    ]

    public init(spatialFactor: Float, channels: ChannelNormalization, piece: Int) {
        (self.spatialFactor, self.channels, self.piece) = (spatialFactor, channels, piece)
    }
}

/// The division of a clip into pieces.
public struct VideoPieces: Sendable, Equatable {
    /// Frames of each piece but the last.
    public let piece: Int
    /// Frames for each latent.
    public let factor: Int

    public init(piece: Int, factor: Int) {
        precondition(piece > 0 && factor > 0, "VideoPieces: \(piece) frames, \(factor) for each latent")
        (self.piece, self.factor) = (piece, factor)
    }

    /// Frames and latents of each piece of a clip.
    public func pieces(frames: Int) -> [(frames: Range<Int>, latents: Range<Int>)] {
        var latents = 0
        return stride(from: 0, to: frames, by: piece).map { first in
            let range = first..<min(first + piece, frames)
            defer { latents += self.latents(piece: range.count) }
            return (range, latents..<latents + self.latents(piece: range.count))
        }
    }

    /// Number of latents of a clip.
    public func latents(frames: Int) -> Int {
        frames / piece * latents(piece: piece) + latents(piece: frames % piece)
    }

    /// The largest number of frames that has a number of latents, or the largest `Int`.
    public func mostFrames(latents: Int) -> Int {
        let each = self.latents(piece: piece)
        let rest = CheckedInt(min(piece, latents % each * factor))
        return (CheckedInt(latents / each) * CheckedInt(piece) + rest).clamped
    }

    private func latents(piece frames: Int) -> Int { (frames + factor - 1) / factor }
}
