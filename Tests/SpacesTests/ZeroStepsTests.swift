import PixNerdDiffusion
import PixNerdLayers
import PixNerdSupport
import PixNerdTensors
import Testing

/// First steps that leave the noise as it is.
@Suite struct ZeroStepsTests {
    /// The velocity 2 t, which Adams-Bashforth of order 2 integrates exactly after its first step.
    private struct Slope: Denoiser {
        let channels = 1
        let sizeMultiple: ImageSize = 1
        let parameters: [Parameter] = []
        func velocity(_ x: Tensor, times: [Float], condition: any Condition) -> Tensor {
            Tensor(times.map { 2 * $0 }, shape: [times.count, 1, 1, 1])
        }
    }

    @Test(arguments: [
        // The integral from t = 0.2 is 0.96. Euler lacks half a step of slope 2 eight times, the others once.
        (Sampler.euler, Float(0.88)), (.heunExact, 0.95), (.adams(order: 2), 0.95),
    ])
    func theyAreLeftOut(sampler: Sampler, end: Float) {
        var steps: [Int] = []
        var predicted: [Float] = []
        let x = sample(
            Slope(), noise: Tensor(zeros: [1, 1, 1, 1]), condition: ClassCondition([0]),
            settings: SamplingSettings(sampler: sampler, steps: 10, guidance: Guidance(scale: 1), zeroSteps: 2),
            afterStep: {
                steps.append($0)
                predicted.append($1().scalar)
            })
        #expect(abs(x.scalar - end) < 1e-5)
        #expect(steps == Array(1...10))
        #expect(predicted.prefix(2) == [0, 0] && predicted[2] > 0)
    }

    @Test(arguments: [
        Sampler.euler, .heun, .heunExact, .adams(order: 3), .stochastic, .dpm, .unipc(order: 2),
    ])
    func theyAreNotEvaluated(sampler: Sampler) {
        let settings = SamplingSettings(sampler: sampler, steps: 5, zeroSteps: 2)
        #expect(settings.evaluationTimes.prefix(3) == settings.times[2..<5])
        #expect(settings.evaluationTimes.count == (sampler == .heunExact ? 5 : 3))
    }
}
