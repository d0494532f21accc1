import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdModels
import PixNerdSpaces
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Images between seeds and between classes.
@Suite struct BlendTests {
    private let model: PixNerd

    init() throws {
        model = try PixNerd(loading: TensorSubset(Fixtures.pixnerd("tiny-checkpoint"), prefix: "ema_denoiser."))
    }

    private func sampled(_ requests: [PictureRequest], noise: NoiseSource = .torch) throws -> [[Float]] {
        var images: [[Float]] = []
        try samplePictures(
            model, conditioner: ClassConditioner(classes: 5), in: PixelSpace(), requests,
            size: PictureSize(height: 8, width: 8), settings: SamplingSettings(sampler: .stochastic, steps: 4),
            batchSize: 16, noise: noise
        ) { pixels, _ in images = (0..<requests.count).map { pixels.rows($0..<$0 + 1).values } }
        return images
    }

    private func between(_ share: Float) -> PictureRequest {
        PictureRequest(.label(1), seed: 3, blend: PictureRequest.Blend(.label(4), seed: 7, share: share))
    }

    @Test(arguments: [NoiseSource.torch, .philox])
    func theEndsAreTheImagesThemselves(noise: NoiseSource) throws {
        // The last bits depend on the number of images in a batch.
        let plain = PictureRequest(label: 2, seed: 9)
        let ends = try sampled(
            [PictureRequest(label: 1, seed: 3), plain, PictureRequest(label: 4, seed: 7)], noise: noise)
        let way = try sampled([between(0), between(0.5), between(1)], noise: noise)
        #expect(way[0] == ends[0] && way[2] == ends[2] && way[1] != ends[0] && way[1] != ends[2])
        // What else is sampled with an image does not change it.
        #expect(try sampled([plain, between(0.5), plain], noise: noise)[1] == way[1])
    }

    @Test func velocitiesAreMixed() throws {
        let x = Tensor.normal([2, 3, 8, 8], streams: { _ in RandomStream(seed: 5, purpose: .samplingNoise) })
        let settings = SamplingSettings(steps: 1, guidance: Guidance(scale: 1))
        let end = try sample(
            model, noise: x, condition: ClassCondition([1, 2]),
            blend: ConditionBlend(ClassCondition([4, 4]), shares: [0.25, 0.5]), settings: settings)
        let own = try sample(model, noise: x, condition: ClassCondition([1, 2]), settings: settings)
        let other = try sample(model, noise: x, condition: ClassCondition([4, 4]), settings: settings)
        expectClose(end, Tensor.combination([0.75, 0.5], own, [0.25, 0.5], other))
    }

    /// The reference is the formula in double precision, for images of a known angle.
    @Test func noiseMovesOnACircle() {
        let one = Tensor([1, 0, 2, 0], shape: [2, 1, 1, 2])
        let other = Tensor([0, 1, 0, 2], shape: [2, 1, 1, 2])
        let half = 0.5.squareRoot()
        let mixed = sphericalMix(one, other, shares: [0.5, 1]).values
        #expect(abs(Double(mixed[0]) - half) < 1e-6 && abs(Double(mixed[1]) - half) < 1e-6)
        #expect(Array(mixed[2...]) == [0, 2])
        // Equal images, and opposite ones.
        #expect(sphericalMix(one, one, shares: [0.3, 0.7]).values == one.values)
        #expect(sphericalMix(one, Tensor.combination(-1, one, 0, one), shares: [0.5, 0.5]).isFinite)
    }

    @Test func theDeviationOfNoiseStays() {
        func noise(_ seed: UInt64) -> Tensor {
            Tensor.normal([1, 1, 100, 100], streams: { _ in RandomStream(seed: seed, purpose: .samplingNoise) })
        }
        for share in [0.2, 0.5, 0.8] as [Float] {
            let mixed = sphericalMix(noise(1), noise(2), shares: [share]).values
            let variance = mixed.reduce(0.0) { $0 + Double($1 * $1) } / 10_000
            // The deviation of the estimate is 0.014.
            #expect(abs(variance - 1) < 0.06)
        }
    }
}
