import PixNerdCheckpoints
import PixNerdLayers
import PixNerdOptimization
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Gives a parameter this gradient and no other.
func setGradient(_ gradient: Tensor, of parameter: Parameter) {
    parameter.clearGradient()
    withGradient(upstream: gradient) { parameter.tensor }
}

/// The optimiser and the moving average against PyTorch in float64.
@Suite struct AdamWTests {
    private let file: SafetensorsFile
    private let settings: AdamW.Settings
    private let gradients: [Tensor]

    init() throws {
        let file = try Fixtures.operation("adamw")
        func number(_ key: String) throws -> Float { try #require(Float(file.metadata[key] ?? "")) }
        settings = AdamW.Settings(
            learningRate: try number("learning_rate"), beta1: try number("beta1"), beta2: try number("beta2"),
            epsilon: try number("epsilon"), weightDecay: try number("weight_decay"))
        let all = try file.tensor("grads")
        gradients = (0..<all.shape[0]).map { all.rows($0..<$0 + 1).reshaped(Array(all.shape.dropFirst())) }
        self.file = file
    }

    private func parameter() throws -> Parameter { Parameter(name: "weight", value: try file.tensor("param")) }

    private func take(_ gradients: some Sequence<Tensor>, _ optimizer: AdamW, _ average: MovingAverage? = nil) {
        for gradient in gradients {
            setGradient(gradient, of: optimizer.parameters[0])
            optimizer.update(averages: average.map { [$0] } ?? [])
        }
    }

    @Test func fourStepsAndTheAverageFollowPyTorch() throws {
        let parameter = try parameter()
        let optimizer = AdamW([parameter], settings: settings)
        let decay = try #require(Float(file.metadata["ema_decay"] ?? ""))
        let average = MovingAverage(decay: decay, startingFrom: [try file.tensor("ema")])
        take(gradients, optimizer, average)
        #expect(optimizer.step == 4)
        expectClose(parameter.value, try file.tensor("out.param"), .oneOperator, "weights")
        expectClose(average.values[0], try file.tensor("out.ema"), .oneOperator, "average")
        expectClose(optimizer.firstMoments[0], try file.tensor("out.exp_avg"), .oneOperator, "first moment")
        expectClose(
            optimizer.secondMoments[0], try file.tensor("out.exp_avg_sq"),
            Tolerance(relative: 2e-5, because: "1 - 0.999 is 1.3e-5 off where 0.999 is a float32"), "second moment")
    }

    /// A gradient that is kept as bf16 gives the step and the norm that the same numbers give as float32.
    @Test(.whereBFloat16IsHad, arguments: [false, true])
    func roundedGradientsGiveTheSameStep(isAveraged: Bool) throws {
        func normal(_ shape: [Int], _ index: Int) -> Tensor {
            Tensor.normal(shape) { RandomStream(seed: 2, purpose: .test, index: 1000 * index + $0) }
        }
        let x = normal([40, 150], 0)
        func trained(_ rounds: Bool) throws -> (Parameter, MovingAverage, Double) {
            let parameter = Parameter(name: "weight", value: normal([200, 150], 1))
            let optimizer = AdamW([parameter], settings: settings)
            let average = MovingAverage(decay: 0.9, startingFrom: [parameter.value])
            _ = try Precision.bf16 {
                withGradient(upstream: nil, observer: nil, rounds: true) { linear(x, weight: parameter.tensor) }
            }
            if !rounds { setGradient(try #require(parameter.gradient), of: parameter) }
            switch parameter.storedGradient {
            case .bfloat16: #expect(rounds)
            default: #expect(!rounds)
            }
            let norm = globalGradientNorm([parameter])
            optimizer.update(averages: isAveraged ? [average] : [])
            return (parameter, average, norm)
        }
        let (rounded, whole) = (try trained(true), try trained(false))
        #expect(rounded.0.value.values == whole.0.value.values && rounded.2 == whole.2 && rounded.2 > 0)
        #expect(rounded.1.values[0].values == whole.1.values[0].values)
    }

    @Test func theAverageDoesNotChangeTheWeights() throws {
        let (alone, accompanied) = (try parameter(), try parameter())
        let optimizers = [AdamW([alone], settings: settings), AdamW([accompanied], settings: settings)]
        take(gradients, optimizers[0])
        take(gradients, optimizers[1], MovingAverage(decay: 0.9, startingFrom: [accompanied.value]))
        #expect(alone.value.values == accompanied.value.values)
        #expect(optimizers[0].firstMoments[0].values == optimizers[1].firstMoments[0].values)
        #expect(optimizers[0].secondMoments[0].values == optimizers[1].secondMoments[0].values)
    }

    @Test func aRestoredOptimizerGoesOnToTheBit() throws {
        let whole = try parameter()
        take(gradients, AdamW([whole], settings: settings))

        let first = try parameter()
        let stopped = AdamW([first], settings: settings)
        take(gradients[..<2], stopped)
        let second = Parameter(name: "weight", value: first.value.copied())
        let resumed = AdamW([second], settings: settings)
        resumed.restore(step: stopped.step, moments: stopped.moments.map { $0.values.map { $0.copied() } })
        take(gradients[2...], resumed)
        #expect(resumed.step == 4)
        #expect(second.value.values == whole.value.values)
    }

    @Test func theGradientScaleActsLikeScaledGradients() throws {
        let (scaled, inner) = (try parameter(), try parameter())
        let optimizer = AdamW([scaled], settings: settings)
        for gradient in gradients {
            setGradient(gradient, of: scaled)
            optimizer.update(gradientScale: 0.25)
        }
        take(gradients.map { Tensor.combination(0.25, $0, 0, $0) }, AdamW([inner], settings: settings))
        expectClose(scaled.value, inner.value)
    }

    @Test func decayActsOnTheWeightsAlone() throws {
        let parameter = Parameter(name: "weight", value: Tensor([2, -4], shape: [2]))
        let optimizer = AdamW([parameter], settings: AdamW.Settings(learningRate: 0.5, weightDecay: 0.25))
        setGradient(Tensor(zeros: [2]), of: parameter)
        optimizer.update()
        // w (1 - 0.5 * 0.25), and no step, since the moments are zero.
        expectClose(parameter.value, Tensor([1.75, -3.5], shape: [2]))
        #expect(optimizer.firstMoments[0].values == [0, 0])
    }

    /// The bias correction makes the first step as long as the learning rate, whatever the gradient's size.
    @Test(arguments: [Float(1e-4), 1, 1e4])
    func theFirstStepIsTheLearningRate(size: Float) {
        let parameter = Parameter(name: "weight", value: Tensor([1, 1], shape: [2]))
        let optimizer = AdamW([parameter], settings: AdamW.Settings(learningRate: 0.125))
        setGradient(Tensor([size, -size], shape: [2]), of: parameter)
        optimizer.update()
        let tolerance = Tolerance(relative: 1e-4, because: "epsilon is 1e-4 of the smallest gradient")
        expectClose(parameter.value, Tensor([0.875, 1.125], shape: [2]), tolerance)
    }
}

@Suite struct MovingAverageTests {
    @Test(arguments: [(Float(0), Float(5)), (0.75, 2), (1, 1)])
    func theDecayIsTheShareOfTheOldAverage(decay: Float, expected: Float) {
        let parameter = Parameter(name: "weight", value: Tensor([5], shape: [1]))
        let average = MovingAverage(decay: decay, startingFrom: [Tensor([1], shape: [1])])
        setGradient(Tensor(zeros: [1]), of: parameter)
        AdamW([parameter], settings: AdamW.Settings()).update(averages: [average])
        expectClose(average.values[0], Tensor([expected], shape: [1]))
    }

    @Test func itKeepsMemoryOfItsOwn() {
        let parameter = Parameter(name: "weight", value: Tensor([5], shape: [1]))
        let average = MovingAverage(decay: 0.5, startingFrom: [parameter.value])
        parameter.value.withUnsafeMutableBuffer { $0[0] = 9 }
        #expect(average.values[0].values == [5])
    }
}

@Suite struct ClippingTests {
    @Test func theNormIsThatOfAllGradientsTogether() {
        let parameters = ["a", "b", "c"].map { Parameter(name: $0, value: Tensor(zeros: [2])) }
        #expect(globalGradientNorm(parameters) == 0)
        setGradient(Tensor([3, 0], shape: [2]), of: parameters[0])
        setGradient(Tensor([4, 12], shape: [2]), of: parameters[2])
        #expect(abs(globalGradientNorm(parameters) - 13) < 1e-12)
    }

    /// `torch.nn.utils.clip_grad_norm_` divides by the norm and 1e-6.
    @Test(arguments: [(0.0, 1.0, 1.0), (0.5, 1.0, 1.0), (1.0, 1.0, 1.0), (4.0, 1.0, 0.25), (10.0, 0.05, 0.005)])
    func longGradientsAreShortened(norm: Double, limit: Double, factor: Double) {
        expectClose(
            Tensor([clippingFactor(norm: norm, limit: limit)], shape: [1]), Tensor([Float(factor)], shape: [1]),
            Tolerance(relative: 3e-6, because: "PyTorch's 1e-6 in the divisor"))
    }
}
