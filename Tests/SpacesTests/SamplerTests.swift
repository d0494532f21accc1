import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdLayers
import PixNerdModels
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Every sampler against an independent PyTorch implementation, nine steps from the seeds 11, 12 and 13.
@Suite struct SamplerTests {
    private let file: SafetensorsFile
    private let model: PixNerd

    init() throws {
        file = try Fixtures.pixnerd("tiny-samplers")
        model = try PixNerd(loading: TensorSubset(Fixtures.pixnerd("tiny-checkpoint"), prefix: "ema_denoiser."))
    }

    @Test(arguments: [
        ("heun", Sampler.heun), ("heun-exact", .heunExact), ("sde", .stochastic), ("adams-1", .adams(order: 1)),
        ("adams-2", .adams(order: 2)), ("adams-3", .adams(order: 3)), ("adams-4", .adams(order: 4)),
    ])
    func followsTheReference(name: String, sampler: Sampler) throws {
        let stepNoise = try file.tensor("step_noise")
        let noise = try file.tensor("noise")
        let samples = try sample(
            model, noise: noise, condition: ClassCondition(try file.integers("labels")),
            settings: SamplingSettings(sampler: sampler, steps: 9, shift: 1.5),
            stepNoise: { stepNoise.rows($0..<$0 + 1).reshaped(noise.shape) })
        let expected = try file.tensor("samples.\(name)")
        expectClose(samples, expected, .network, name)
        let largest = zip(samples.values, expected.values).map { abs($0 - $1) }.max() ?? .infinity
        #expect(largest < 1e-3)
    }

    @Test func adamsOfOrderOneIsEuler() throws {
        let (noise, labels) = (try file.tensor("noise"), try file.integers("labels"))
        func run(_ sampler: Sampler) throws -> [Float] {
            try sample(
                model, noise: noise, condition: ClassCondition(labels),
                settings: SamplingSettings(sampler: sampler, steps: 4)
            ).values
        }
        #expect(try run(.adams(order: 1)) == run(.euler))
    }

    @Test(arguments: [1, 2, 3, 4])
    func adamsWeightsAreThoseOfTheReference(order: Int) throws {
        let times = try file.tensor("grid").values
        let weights = (0..<9).flatMap { step -> [Float] in
            let own = adamsWeights(times: Array(times[...step].suffix(order)), until: times[step + 1])
            return [Float](repeating: 0, count: order - own.count) + own.map { Float($0) }
        }
        expectClose(
            Tensor(weights, shape: [9, order]), try file.tensor("weights.adams-\(order)"),
            Tolerance(relative: 1e-6, because: "double precision, rounded once"))
    }

    @Test func theLastStepMayHaveALengthOfItsOwn() throws {
        let times = SamplingSettings(steps: 5, lastStep: 0.04).times
        expectClose(
            Tensor(times, shape: [6]), try file.tensor("grid_last_step"),
            Tolerance(relative: 1e-6, because: "float32 arithmetic"))
    }

    /// For a velocity that is linear in time, Adams-Bashforth of order 2 is exact from its second step on; Euler is
    /// not.
    private struct Slope: Denoiser {
        let channels = 1
        let sizeMultiple: ImageSize = 1
        let parameters: [Parameter] = []
        func velocity(_ x: Tensor, times: [Float], condition: any Condition) -> Tensor {
            Tensor(times.map { 2 * $0 }, shape: [times.count, 1, 1, 1])
        }
    }

    @Test func higherOrdersAreMoreExact() throws {
        func end(_ sampler: Sampler) throws -> Float {
            try sample(
                Slope(), noise: Tensor(zeros: [1, 1, 1, 1]), condition: ClassCondition([0]),
                settings: SamplingSettings(sampler: sampler, steps: 10, guidance: Guidance(scale: 1))
            ).scalar
        }
        // The integral of 2 t is 1; Euler lacks half a step of it, Adams what the first straight step misses.
        #expect(try abs(end(.euler) - 0.9) < 1e-5)
        #expect(try abs(end(.adams(order: 2)) - 0.99) < 1e-5)
        #expect(try abs(end(.heunExact) - 0.99) < 1e-5)
    }
}

@Suite struct TorchRandomTests {
    /// `torch.randn` from a seed; both sides compute logarithms and sines in float32.
    @Test func numbersAreThoseOfTorch() throws {
        let file = try Fixtures.pixnerd("tiny-samplers")
        let noise = try file.tensor("noise")
        for (index, seed) in [UInt64(11), 12, 13].enumerated() {
            var generator = TorchRandom(seed: seed)
            expectNear(generator.normal(count: 768), noise.rows(index..<index + 1).values)
        }
        for (name, count) in [("short_noise", 21), ("shortest_noise", 7)] {
            var generator = TorchRandom(seed: 5)
            expectNear(generator.normal(count: count), try file.tensor(name).values)
        }
    }

    private func expectNear(_ actual: [Float], _ expected: [Float]) {
        #expect(actual.count == expected.count)
        let largest = zip(actual, expected).map { abs($0 - $1) }.max() ?? .infinity
        #expect(largest < 1e-6)
    }
}
