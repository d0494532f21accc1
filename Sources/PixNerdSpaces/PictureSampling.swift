import PixNerdDiffusion
import PixNerdImages
import PixNerdLayers
import PixNerdModels
import PixNerdTensors

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
///   - edit: the picture that all images begin with or keep parts of; nil for none. The settings skip steps only with one.
///   - batchSize: images per batch.
///   - source: source of the initial noise.
///   - pictures: the pictures that the model is shown; nil for none.
///   - isDone: called before each batch; returns whether to skip it.
///   - isCancelled: called while conditions are computed; returns whether to end with `CancellationError`.
///   - afterStep: called after each step of each batch.
///   - receive: called with each batch's pixels, [B, C, height, width] of the space's format, not clipped, and the index of its first request.
public func samplePictures(
    _ denoiser: some Denoiser, guide: (any Denoiser)? = nil, conditioner: any Conditioner, in space: some Space,
    _ requests: [PictureRequest],
    size: PictureSize,
    settings: SamplingSettings, edit: PictureEdit? = nil, batchSize: Int, noise source: NoiseSource = .philox,
    pictures: RequestPictures? = nil, isDone: (_ requests: Range<Int>) -> Bool = { _ in false },
    isCancelled: () -> Bool = { false },
    afterStep: (SamplingMoment) throws -> Void = { _ in },
    receive: (_ pixels: Tensor, _ first: Int) throws -> Void
) throws {
    let batches = stride(from: 0, to: requests.count, by: batchSize).map { start in
        start..<start + min(batchSize, requests.count - start)
    }.filter { !isDone($0) }
    let shape = size.noiseShape(in: space)
    let steps = settings.takenSteps
    let known = edit?.known(in: space, size)
    // Number of batches whose prompts are prepared.
    var prepared = 0
    for (place, batch) in batches.enumerated() {
        let part = Array(requests[batch])
        if place == prepared {
            let next = window(batches[place...], of: requests)
            try conditioner.prepare(next.flatMap { requests[$0].flatMap(\.prompts) }, isCancelled: isCancelled)
            prepared += next.count
        }
        func condition(_ prompts: [Prompt]) throws -> any Condition {
            let asked = try conditioner.condition(prompts)
            return pictures?.shown(asked, to: batch) ?? asked
        }
        let x = try sample(
            denoiser, guide: guide, noise: source.noise(part, batch, shape: shape),
            condition: condition(part.map(\.prompt)), blend: blend(part, condition), known: known?(part.count),
            settings: settings,
            // Draw 0 of an image's stream may be its initial noise; the steps take the next ones.
            stepNoise: { philoxNoise(part, draw: $0 + 1, shape: shape) },
            afterStep: { step, predicted in
                try afterStep(
                    SamplingMoment(
                        first: batch.lowerBound, step: step, done: place * steps + step, total: batches.count * steps
                    ) { shownPictures(size.cropped(space.decode(predicted())), space.format) })
            })
        let pixels = steps == 0 ? nil : size.cropped(space.decode(x))
        try receive(edit?.finished(pixels, count: part.count, in: space) ?? pixels!, batch.lowerBound)
    }
}

/// The next batches whose prompts are prepared together: with at most 256 prompts, whose rows take as many MB for the
/// largest models.
private func window(_ batches: ArraySlice<Range<Int>>, of requests: [PictureRequest]) -> ArraySlice<Range<Int>> {
    var prompts: Set<Prompt> = []
    let next = batches.prefix { batch in
        prompts.formUnion(requests[batch].flatMap(\.prompts))
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
        let own = unmixed(requests, places, shape: shape)
        return mixedNoise(own, requests) { unmixed($0, places, shape: shape) }
    }

    private func unmixed(_ requests: [PictureRequest], _ places: Range<Int>, shape: [Int]) -> Tensor {
        switch self {
        case .philox: return philoxDraws(requests, draw: 0, shape: shape)
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
    mixedNoise(philoxDraws(requests, draw: draw, shape: shape), requests) {
        philoxDraws($0, draw: draw, shape: shape)
    }
}

private func philoxDraws(_ requests: [PictureRequest], draw: Int, shape: [Int]) -> Tensor {
    Tensor.normal([requests.count] + shape) { index in
        RandomStream(seed: requests[index].seed, purpose: .samplingNoise, step: draw)
    }
}

/// The noise of requests mixed with that of the seeds that they lean to.
///
/// - Parameters:
///   - own: the noise of their own seeds, [B, C, h, w].
///   - draw: returns the noise of as many requests.
private func mixedNoise(
    _ own: Tensor, _ requests: [PictureRequest], _ draw: ([PictureRequest]) -> Tensor
) -> Tensor {
    let others = requests.map(\.other)
    guard zip(requests, others).contains(where: { $0.seed != $1.seed }) else { return own }
    return sphericalMix(own, draw(others), shares: requests.map { $0.blend?.share ?? 0 })
}

/// The conditions that requests lean to; nil if none leans to another prompt than its own.
///
/// - Parameter condition: makes the condition of the requests' images from their prompts.
private func blend(
    _ requests: [PictureRequest], _ condition: (_ prompts: [Prompt]) throws -> any Condition
) rethrows -> ConditionBlend? {
    let others = requests.map(\.other.prompt)
    guard zip(requests, others).contains(where: { $0.prompt != $1 }) else { return nil }
    return ConditionBlend(try condition(others), shares: requests.map { $0.blend?.share ?? 0 })
}
