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

/// Makes pictures from noise.
///
/// - Parameters:
///   - space: where the denoiser works.
///   - height: of the pictures, a multiple of the denoiser's `sizeMultiple`; `width` likewise.
///   - batchSize: pictures at once.
///   - afterStep: called with the evaluations done so far, of `steps` times the number of batches.
///   - receive: gets each batch's pictures with the place of the first among the requests.
public func samplePictures(
    _ denoiser: some Denoiser, in space: some Space, _ requests: [PictureRequest], height: Int, width: Int,
    settings: SamplingSettings, batchSize: Int, afterStep: (_ done: Int) -> Void = { _ in },
    receive: (_ pictures: [RGBImage], _ first: Int) throws -> Void
) rethrows {
    for (batch, start) in stride(from: 0, to: requests.count, by: batchSize).enumerated() {
        let part = requests[start..<min(start + batchSize, requests.count)]
        func noise(_ draw: Int) -> Tensor {
            Tensor.normal([part.count, space.channels, height, width]) { index in
                RandomStream(seed: part[start + index].seed, purpose: .samplingNoise, step: draw)
            }
        }
        let x = sample(
            denoiser, noise: noise(0), labels: part.map(\.label), settings: settings, stepNoise: { noise($0 + 1) },
            afterStep: { done, _ in afterStep(batch * settings.steps + done) })
        try receive(space.decode(x), start)
    }
}
