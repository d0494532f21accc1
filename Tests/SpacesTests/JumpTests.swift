import PixNerdDiffusion
import PixNerdLayers
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Synchronization
import Testing

/// Sampling of models that are told the length of a step or their guidance.
@Suite struct JumpTests {
    /// The mean velocity of the flow dx/dt = rate x, and what it was told.
    private final class Exponential: Denoiser {
        let channels = 1
        let sizeMultiple: ImageSize = 1
        let parameters: [Parameter] = []
        let rate: Float = 0.7
        private let numbers = Mutex<[ModelNumbers]>([])

        var told: [ModelNumbers] { numbers.withLock { $0 } }

        func velocity(_ x: Tensor, times: [Float], condition: any Condition) -> Tensor {
            numbers.withLock { $0.append(condition.numbers) }
            let lengths = condition.numbers[.interval]?.map { $0[0] } ?? times.map { _ in 0 }
            let factors = lengths.map { $0 > 0 ? (expf(rate * $0) - 1) / $0 : rate }
            return Tensor.combination(factors, x, factors.map { _ in 0 }, x)
        }

        private func expf(_ x: Float) -> Float { Float(exp(Double(x))) }

        private func exp(_ x: Double) -> Double {
            var (term, total) = (1.0, 1.0)
            for index in 1...30 {
                term *= x / Double(index)
                total += term
            }
            return total
        }
    }

    private let noise = Tensor.normal([2, 1, 2, 2]) { RandomStream(seed: 3, purpose: .test, index: $0) }
    private let condition = ClassCondition([0, 1])

    private func sampled(_ model: Exponential, _ settings: SamplingSettings) throws -> Tensor {
        try sample(model, noise: noise, condition: condition, settings: settings)
    }

    /// Exact mean velocities lead to the same end in any number of jumps of any lengths.
    @Test(arguments: [1, 2, 4, 7], [Float(1), 3])
    func jumpsOfAnExactModelEndAtTheSamePlace(steps: Int, shift: Float) throws {
        let model = Exponential()
        let settings = SamplingSettings(steps: steps, guidance: Guidance(scale: 3), shift: shift).told([.interval])
        #expect(settings.sampler == .jumps)
        let end = Float(2.0137527)  // e^0.7
        expectClose(try sampled(model, settings), Tensor.combination(end, noise, 0, noise))
        let lengths = zip(settings.times, settings.times.dropFirst()).map { $1 - $0 }
        #expect(model.told.map { $0[.interval]?.map { $0[0] } } == lengths.map { [$0, $0] })
        #expect(model.told.allSatisfy { $0[.strength] == nil })
    }

    @Test func aScaleIsToldAtAllTimes() throws {
        let model = Exponential()
        let guidance = Guidance(scale: 3, lowerTime: 0.4, upperTime: 0.6)
        let settings = SamplingSettings(steps: 4, guidance: guidance).told([.strength, .interval])
        _ = try sampled(model, settings)
        #expect(model.told.count == 4)
        #expect(model.told.allSatisfy { $0[.strength] == [[3], [3]] && $0[.interval] == [[0.25], [0.25]] })
    }

    @Test func othersAreSampledAsEver() {
        let settings = SamplingSettings(sampler: .heun, steps: 3, guidance: Guidance(scale: 2))
        #expect(settings.told([]) == settings)
        #expect(settings.told([.density, .augmentation]) == settings)
        #expect(settings.told([.strength]).sampler == .heun)
        #expect(settings.told([.interval]).guidance.scale(at: 0.5) == 1)
    }
}
