import PixNerdDiffusion
import PixNerdImages
import PixNerdLayers
import PixNerdTensors

/// An autoencoder's latents, scaled to about mean 0 and standard deviation 1 channel by channel (Rombach et al.,
/// arXiv 2112.10752, section 4.1 and appendix G).
public struct LatentSpace: Space {
    private let codec: any LatentCodec
    /// The images that are encoded.
    public let format: PixelFormat
    /// Factor of each channel: scaled = latent * factor + offset.
    private let factors: [Float]
    private let offsets: [Float]

    /// Number of pixels encoded or decoded at once; larger batches are split to save memory.
    public static let pixelsAtOnce = 1 << 19

    /// - Parameters:
    ///   - codec: the autoencoder.
    ///   - format: the images that it encodes.
    ///   - scale: for each channel, the factor that latents are multiplied by and the offset added after that.
    public init(_ codec: any LatentCodec, format: PixelFormat = .rgb8, scale: [(factor: Float, offset: Float)]) {
        precondition(
            scale.count == codec.latentChannels && scale.allSatisfy { $0.factor != 0 },
            "LatentSpace: a scale of \(scale.count) channels does not fit \(codec.latentChannels)")
        self.codec = codec
        self.format = format
        factors = scale.map(\.factor)
        offsets = scale.map(\.offset)
    }

    /// A space of unscaled latents.
    public init(_ codec: any LatentCodec, format: PixelFormat = .rgb8) {
        self.init(
            codec, format: format,
            scale: [(factor: Float, offset: Float)](repeating: (1, 0), count: codec.latentChannels))
    }

    public var channels: Int { codec.latentChannels }
    public var reduction: Int { codec.reduction }

    /// Scaled latents, sampled from each image's distribution.
    public func encode(_ batch: LoadedBatch, draws: (_ picture: Int) -> RandomStream) -> Tensor {
        latents(moments: moments(of: batch), draws: draws)
    }

    /// Scaled latents, the means of each image's distribution.
    public func encodeMean(_ pixels: Tensor) -> Tensor {
        let moments = moments(pixels)
        let shape = [moments.shape[0], moments.shape[1] / 2, moments.shape[2], moments.shape[3]]
        return affine(gaussianSample(moments, noise: Tensor(zeros: shape))) { $0 * factors[$1] + offsets[$1] }
    }

    /// The distributions of the unscaled latents of loaded images, [B, 2 c, H / f, W / f].
    public func moments(of batch: LoadedBatch) -> Tensor { moments(PixelSpace(format).encode(batch)) }

    /// The distributions of images' unscaled latents, [B, 2 c, H / f, W / f].
    public func moments(_ pictures: Tensor) -> Tensor {
        inParts(pictures, pixels: pictures.shape[2] * pictures.shape[3], codec.moments)
    }

    /// Scaled latents, sampled from distributions.
    ///
    /// - Parameters:
    ///   - moments: distributions of unscaled latents, [B, 2 c, h, w].
    ///   - draws: returns the random stream of each image.
    /// - Returns: [B, c, h, w].
    public func latents(moments: Tensor, draws: (_ picture: Int) -> RandomStream) -> Tensor {
        let noise = Tensor.normal(
            [moments.shape[0], moments.shape[1] / 2, moments.shape[2], moments.shape[3]], streams: draws)
        return affine(gaussianSample(moments, noise: noise)) { $0 * factors[$1] + offsets[$1] }
    }

    public func decode(_ x: Tensor) -> Tensor {
        let latents = affine(x) { ($0 - offsets[$1]) / factors[$1] }
        return inParts(latents, pixels: x.shape[2] * x.shape[3] * reduction * reduction, codec.decode)
    }

    /// Maps every number of [B, c, h, w], given its channel.
    private func affine(_ x: Tensor, _ body: (_ value: Float, _ channel: Int) -> Float) -> Tensor {
        precondition(
            x.shape.count == 4 && x.shape[1] == channels, "LatentSpace: \(x.shape) does not have \(channels) channels")
        let area = x.shape[2] * x.shape[3]
        var out = Tensor(uninitialized: x.shape)
        out.withUnsafeMutableBuffer { out in
            x.withUnsafeBuffer { x in
                for plane in 0..<x.count / area {
                    let channel = plane % channels
                    for i in plane * area..<(plane + 1) * area { out[i] = body(x[i], channel) }
                }
            }
        }
        return out
    }

    /// Applies `body` to as many images at a time as `pixelsAtOnce` allows.
    private func inParts(_ x: Tensor, pixels: Int, _ body: (Tensor) -> Tensor) -> Tensor {
        let count = max(1, Self.pixelsAtOnce / pixels)
        guard x.shape[0] > count else { return body(x) }
        return Tensor.concatenated(
            stride(from: 0, to: x.shape[0], by: count).map { start in
                body(x.rows(start..<min(start + count, x.shape[0])))
            })
    }
}
