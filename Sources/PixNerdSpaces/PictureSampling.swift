import PixNerdDiffusion
import PixNerdImages
import PixNerdLayers
import PixNerdModels
import PixNerdTensors

/// One picture to be made: the same request gives the same picture whatever else is sampled beside it.
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

/// Where the noise comes from that pictures begin with.
public enum NoiseSource: Sendable {
    /// What `torch.randn((C, H, W), generator=torch.Generator().manual_seed(seed))` gives on a CPU.
    case torch
    /// A counter-based stream keyed by the seed.
    case philox
    /// [N, C, h, w], one for each request.
    case given(Tensor)
}

/// A moment in the sampling of a batch, after one of its steps.
public struct SamplingMoment {
    /// Place of the batch's first picture among the requests.
    public let first: Int
    /// Steps of this batch that are done, from 1.
    public let step: Int
    /// Steps of all batches that are done, and of all that are to be done.
    public let done: Int
    public let total: Int
    /// The pictures that the last velocity points at, decoded when asked for.
    public let predicted: () -> [RGBImage]
}

/// Makes pictures from noise, in batches that always begin at multiples of `batchSize` among the requests, so that the
/// same requests give the same bits also where some batches are left out.
///
/// - Parameters:
///   - conditioner: Turns the requests' prompts into the denoiser's condition.
///   - space: where the denoiser works.
///   - size: of the pictures; its canvas a multiple of the denoiser's `sizeMultiple` times the space's `reduction`.
///   - batchSize: pictures at once.
///   - source: of the noise that the pictures begin with.
///   - isDone: asked before a batch; where it says so, the batch is left out.
///   - afterStep: called after each step of each batch.
///   - receive: gets each batch's pixels, [B, 3, height, width] with -1 as black and 1 as white and not clipped, with
///     the place of the first among the requests.
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
            // Draw 0 of a picture's stream is where it may begin; the steps take the next ones.
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
    /// - Parameter shape: of one, [C, h, w].
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
