import PixNerdDiffusion
import PixNerdImages
import PixNerdLayers
import PixNerdModels
import PixNerdTensors

/// A request for one image. Equal requests give equal images, whatever else is sampled with them.
public struct PictureRequest: Sendable, Hashable {
    public var prompt: Prompt
    public var seed: UInt64
    /// Which of the images that are drawn one after another from one seed, from 0; only the published noise has more
    /// than one.
    public var draw: Int

    public init(_ prompt: Prompt, seed: UInt64, draw: Int = 0) {
        (self.prompt, self.seed, self.draw) = (prompt, seed, draw)
    }

    /// A request for an image of a class.
    public init(label: Int, seed: UInt64) { self.init(.label(label), seed: seed) }
}

/// The source of the initial noise.
public enum NoiseSource: Sendable {
    /// The noise of `torch.randn((C, H, W), generator=torch.Generator().manual_seed(seed))` on a CPU.
    /// A request's `draw` counts images along the same stream, as in one draw of [n, C, H, W].
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
///   - guide: the worse model that guidance leads away from; nil for the model itself without a condition.
///   - conditioner: turns the requests' prompts into the denoiser's condition.
///   - space: the space in which the denoiser works.
///   - requests: the images to sample.
///   - size: size of the images; its canvas is a multiple of the denoiser's `sizeMultiple` times the space's
///     `reduction`.
///   - batchSize: images per batch.
///   - source: source of the initial noise.
///   - isDone: called before each batch; returns whether to skip it.
///   - isCancelled: called while conditions are computed; returns whether to end with `CancellationError`.
///   - afterStep: called after each step of each batch.
///   - receive: called with each batch's pixels, [B, C, height, width] of the space's format, not clipped, and the index of its first request.
public func samplePictures(
    _ denoiser: some Denoiser, guide: (any Denoiser)? = nil, conditioner: any Conditioner, in space: some Space,
    _ requests: [PictureRequest],
    size: PictureSize,
    settings: SamplingSettings, batchSize: Int, noise source: NoiseSource = .philox,
    isDone: (_ requests: Range<Int>) -> Bool = { _ in false }, isCancelled: () -> Bool = { false },
    afterStep: (SamplingMoment) throws -> Void = { _ in },
    receive: (_ pixels: Tensor, _ first: Int) throws -> Void
) throws {
    let batches = stride(from: 0, to: requests.count, by: batchSize).map { start in
        start..<start + min(batchSize, requests.count - start)
    }.filter { !isDone($0) }
    let shape = size.noiseShape(in: space)
    // Number of batches whose prompts are prepared.
    var prepared = 0
    for (place, batch) in batches.enumerated() {
        let part = Array(requests[batch])
        if place == prepared {
            let next = window(batches[place...], of: requests)
            try conditioner.prepare(next.flatMap { requests[$0].map(\.prompt) }, isCancelled: isCancelled)
            prepared += next.count
        }
        let x = try sample(
            denoiser, guide: guide, noise: source.noise(part, batch, shape: shape),
            condition: conditioner.condition(part.map(\.prompt)), settings: settings,
            // Draw 0 of an image's stream may be its initial noise; the steps take the next ones.
            stepNoise: { philoxNoise(part, draw: $0 + 1, shape: shape) },
            afterStep: { step, predicted in
                try afterStep(
                    SamplingMoment(
                        first: batch.lowerBound, step: step, done: place * settings.steps + step,
                        total: batches.count * settings.steps
                    ) { shownPictures(size.cropped(space.decode(predicted())), space.format) })
            })
        try receive(size.cropped(space.decode(x)), batch.lowerBound)
    }
}

/// The next batches whose prompts are prepared together: with at most 256 prompts, whose rows take as many MB for the
/// largest models.
private func window(_ batches: ArraySlice<Range<Int>>, of requests: [PictureRequest]) -> ArraySlice<Range<Int>> {
    var prompts: Set<Prompt> = []
    let next = batches.prefix { batch in
        prompts.formUnion(requests[batch].map(\.prompt))
        return prompts.count <= 256
    }
    return next.isEmpty ? batches.prefix(1) : next
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
                    return Array(generator.normal(count: (request.draw + 1) * each).suffix(each))
                }, shape: [requests.count] + shape)
        }
    }
}

private func philoxNoise(_ requests: [PictureRequest], draw: Int, shape: [Int]) -> Tensor {
    Tensor.normal([requests.count] + shape) { index in
        RandomStream(seed: requests[index].seed, purpose: .samplingNoise, step: draw)
    }
}
