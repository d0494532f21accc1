import Images
import Layers
import Tensors

/// One picture to be made: the same request gives the same picture whatever else is sampled beside it.
public struct PictureRequest: Sendable, Equatable {
    public var label: Int
    public var seed: UInt64

    public init(label: Int, seed: UInt64) {
        self.label = label
        self.seed = seed
    }
}

/// Where the noise of a picture comes from; both ways a seed gives the same noise always.
public enum NoiseSource: String, Sendable, CaseIterable {
    /// What `torch.randn((C, H, W), generator=torch.Generator().manual_seed(seed))` gives on a CPU.
    case torch
    /// A counter-based stream keyed by the seed.
    case philox
}

/// Makes pictures from noise.
///
/// - Parameters:
///   - space: where the denoiser works.
///   - height: of the pictures, a multiple of the denoiser's `sizeMultiple`; `width` likewise.
///   - batchSize: pictures at once.
///   - source: of the noise that the pictures begin with.
///   - afterStep: called with the evaluations done so far, of `steps` times the number of batches.
///   - receive: gets each batch's pictures with the place of the first among the requests.
public func samplePictures(
    _ denoiser: some Denoiser, in space: some Space, _ requests: [PictureRequest], height: Int, width: Int,
    settings: SamplingSettings, batchSize: Int, noise source: NoiseSource = .philox,
    afterStep: (_ done: Int) -> Void = { _ in },
    receive: (_ pictures: [RGBImage], _ first: Int) throws -> Void
) rethrows {
    for (batch, start) in stride(from: 0, to: requests.count, by: batchSize).enumerated() {
        let part = requests[start..<min(start + batchSize, requests.count)]
        let shape = [part.count, space.channels, height, width]
        /// Draw 0 is where a picture begins; a sampler's steps take the next ones.
        func philox(_ draw: Int) -> Tensor {
            Tensor.normal(shape) { index in
                RandomStream(seed: part[start + index].seed, purpose: .samplingNoise, step: draw)
            }
        }
        func torch() -> Tensor {
            Tensor(
                part.flatMap { request in
                    var generator = TorchRandom(seed: request.seed)
                    return generator.normal(count: space.channels * height * width)
                }, shape: shape)
        }
        let x = sample(
            denoiser, noise: source == .torch ? torch() : philox(0), labels: part.map(\.label), settings: settings,
            stepNoise: { philox($0 + 1) },
            afterStep: { done, _ in afterStep(batch * settings.steps + done) })
        try receive(space.decode(x), start)
    }
}
