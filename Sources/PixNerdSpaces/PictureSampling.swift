import PixNerdDiffusion
import PixNerdImages
import PixNerdLayers
import PixNerdModels
import PixNerdTensors

/// A request for one image. Equal requests give equal images, whatever else is sampled with them.
public struct PictureRequest: Sendable, Hashable {
    public var prompt: Prompt
    public var seed: UInt64

    public init(_ prompt: Prompt, seed: UInt64) {
        self.prompt = prompt
        self.seed = seed
    }

    /// A request for an image of a class.
    public init(label: Int, seed: UInt64) { self.init(.label(label), seed: seed) }
}

/// The source of the initial noise.
public enum NoiseSource: Sendable {
    /// The noise of `torch.randn((C, H, W), generator=torch.Generator().manual_seed(seed))` on a CPU.
    case torch
    /// A counter-based stream keyed by the seed.
    case philox
    /// Noise for each request, [N, C, h, w].
    case given(Tensor)
}

/// The state of sampling after a step of a batch.
public struct SamplingMoment {
    /// Index of the batch's first request.
    public let first: Int
    /// Number of finished steps of this batch, from 1.
    public let step: Int
    /// Number of finished steps of all batches.
    public let done: Int
    /// Number of steps of all batches.
    public let total: Int
    /// Returns the images predicted from the last velocity, decoded on demand.
    public let predicted: () -> [RGBImage]
}

/// Samples images in batches that always begin at multiples of `batchSize` among the requests, so that equal requests
/// give equal bits even if some batches are skipped.
///
/// - Parameters:
///   - conditioner: turns the requests' prompts into the denoiser's condition.
///   - space: the space in which the denoiser works.
///   - requests: the images to sample.
///   - size: size of the images; its canvas is a multiple of the denoiser's `sizeMultiple` times the space's
///     `reduction`.
///   - batchSize: images per batch.
///   - source: source of the initial noise.
///   - isDone: called before each batch; returns whether to skip it.
///   - afterStep: called after each step of each batch.
///   - receive: called with each batch's pixels, [B, 3, height, width] with -1 as black and 1 as white, not clipped,
///     and the index of its first request.
public func samplePictures(
    _ denoiser: some Denoiser, conditioner: any Conditioner, in space: some Space, _ requests: [PictureRequest],
    size: PictureSize,
    settings: SamplingSettings, batchSize: Int, noise source: NoiseSource = .philox,
    isDone: (_ requests: Range<Int>) -> Bool = { _ in false },
    afterStep: (SamplingMoment) throws -> Void = { _ in },
    receive: (_ pixels: Tensor, _ first: Int) throws -> Void
) throws {
    let batches = stride(from: 0, to: requests.count, by: batchSize).map { start in
        start..<start + min(batchSize, requests.count - start)
    }.filter { !isDone($0) }
    let shape = size.noiseShape(in: space)
    for (place, batch) in batches.enumerated() {
        let part = Array(requests[batch])
        let x = try sample(
            denoiser, noise: source.noise(part, batch, shape: shape),
            condition: conditioner.condition(part.map(\.prompt)), settings: settings,
            // Draw 0 of an image's stream may be its initial noise; the steps take the next ones.
            stepNoise: { philoxNoise(part, draw: $0 + 1, shape: shape) },
            afterStep: { step, predicted in
                try afterStep(
                    SamplingMoment(
                        first: batch.lowerBound, step: step, done: place * settings.steps + step,
                        total: batches.count * settings.steps
                    ) { roundedPictures(size.cropped(space.decode(predicted()))) })
            })
        try receive(size.cropped(space.decode(x)), batch.lowerBound)
    }
}

extension NoiseSource {
    /// The noise of some requests, [B, C, h, w].
    ///
    /// - Parameters:
    ///   - places: indices of the requests among all requests.
    ///   - shape: shape of the noise of one image, [C, h, w].
    fileprivate func noise(_ requests: [PictureRequest], _ places: Range<Int>, shape: [Int]) -> Tensor {
        switch self {
        case .philox: return philoxNoise(requests, draw: 0, shape: shape)
        case .given(let noise): return noise.rows(places)
        case .torch:
            let each = shape.reduce(1, *)
            return Tensor(
                requests.flatMap { request in
                    var generator = TorchRandom(seed: request.seed)
                    return generator.normal(count: each)
                }, shape: [requests.count] + shape)
        }
    }
}

private func philoxNoise(_ requests: [PictureRequest], draw: Int, shape: [Int]) -> Tensor {
    Tensor.normal([requests.count] + shape) { index in
        RandomStream(seed: requests[index].seed, purpose: .samplingNoise, step: draw)
    }
}
