import PixNerdDiffusion
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// The end of sampling with a model that predicts the image.
@Suite struct ArrivalTests {
    /// A network that always predicts one image, of zeros.
    private struct Zeros: Denoiser {
        let channels = 1
        let sizeMultiple: ImageSize = 1
        let parameters: [Parameter] = []
        func velocity(_ x: Tensor, times: [Float], condition: any Condition) -> Tensor {
            Tensor([Float](repeating: 0, count: x.count), shape: x.shape)
        }
    }

    private let noise = Tensor([1, -2, 0.5, 3], shape: [1, 1, 2, 2])

    private func end(_ prediction: Prediction, _ settings: SamplingSettings) throws -> Tensor {
        try sample(
            Zeros().predicting(prediction), noise: noise, condition: ClassCondition([0]), settings: settings,
            stepNoise: { _ in noise })
    }

    private static let samplers: [Sampler] = [
        .euler, .heun, .heunExact, .adams(order: 2), .dpm, .unipc(order: 2), .stochastic,
    ]

    @Test(arguments: samplers, [20, 50, 100])
    func theLastOfManyStepsArrivesAtTheImage(sampler: Sampler, steps: Int) throws {
        for settings in [
            SamplingSettings(sampler: sampler, steps: steps),
            SamplingSettings(sampler: sampler, steps: steps, shift: 3),
            SamplingSettings(sampler: sampler, steps: steps, lastStep: 0.004),
        ] {
            let end = try end(Prediction(.picture), settings)
            #expect(end.values.allSatisfy { abs($0) < 1e-4 }, "\(settings)")
        }
    }

    @Test func aKeptFloorStopsShortOfIt() throws {
        // Of 100 steps the last five cover 0.05, and each leaves 4/5 of the noise.
        let end = try end(Prediction(.picture, floor: 0.05, arrives: false), SamplingSettings(steps: 100))
        let left: Float = 0.05 * 0.32768
        expectClose(end, Tensor(noise.values.map { $0 * left }, shape: noise.shape), .network)
    }

    @Test func fewerStepsThanTheFloorAsksForDivideByIt() throws {
        let settings = SamplingSettings(steps: 10)
        let (kept, arriving) = (Prediction(.picture, arrives: false), Prediction(.picture))
        #expect(try end(kept, settings).values == end(arriving, settings).values)
    }
}
