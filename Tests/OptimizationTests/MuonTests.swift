import PixNerdCheckpoints
import PixNerdOptimization
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Muon against its statement in PyTorch, in float32, and against PyTorch's own, which iterates in bf16.
@Suite struct MuonTests {
    private let file: SafetensorsFile
    private let settings = AdamW.Settings(learningRate: 0.01, weightDecay: 0.1)

    init() throws { file = try Fixtures.recipe("muon") }

    private func gradients(_ matrix: Int) throws -> [Tensor] {
        let all = try file.tensor("\(matrix).gradients")
        return (0..<all.shape[0]).map { all.rows($0..<$0 + 1).reshaped(Array(all.shape.dropFirst())) }
    }

    private func weight(_ matrix: Int) throws -> Parameter {
        Parameter(name: "weight", value: try file.tensor("\(matrix).weight"))
    }

    private func take(_ gradients: some Sequence<Tensor>, _ optimizer: Muon, _ average: MovingAverage? = nil) {
        for gradient in gradients {
            setGradient(gradient, of: optimizer.parameters[0])
            optimizer.update(averages: average.map { [$0] } ?? [])
        }
    }

    /// More rows than columns, more columns than rows, and as many.
    @Test(arguments: 0..<3)
    func singularValuesComeToOne(matrix: Int) throws {
        let first = try gradients(matrix)[0]
        expectClose(orthogonalized(first), try file.tensor("\(matrix).orthogonal"), .oneOperator)
        // A factor does not matter.
        expectClose(orthogonalized(scaled(first, by: 1e-3)), orthogonalized(first), .oneOperator)
    }

    @Test func zerosStayZeros() {
        #expect(orthogonalized(Tensor(zeros: [3, 5])).values == Tensor(zeros: [3, 5]).values)
    }

    @Test(.whereBFloat16IsHad)
    func roundedFactorsComeNear() throws {
        let x = Tensor.normal([160, 96]) { RandomStream(seed: 1, purpose: .test, index: $0) }
        let rounded = try Precision.bf16 { orthogonalized(x) }
        #expect(rounded.values != orthogonalized(x).values)
        let tolerance = Tolerance(relative: 3e-2, because: "the factors of 15 products are rounded by up to 2^-9")
        expectClose(rounded, orthogonalized(x), tolerance)
    }

    @Test(arguments: 0..<3)
    func threeStepsFollowPyTorch(matrix: Int) throws {
        let weight = try weight(matrix)
        let optimizer = Muon([weight], matrices: [weight], settings: settings)
        try take(gradients(matrix), optimizer)
        #expect(optimizer.step == 3)
        expectClose(weight.value, try file.tensor("\(matrix).adamw"), .oneOperator, "weights")
        let moments = try #require(optimizer.moments.last)
        #expect(moments.name == "momentum" && moments.parameters.map(\.name) == ["weight"])
        expectClose(moments.values[0], try file.tensor("\(matrix).momentum"), .oneOperator, "momentum")
        expectClose(
            weight.value, try file.tensor("\(matrix).bf16.adamw"),
            Tolerance(relative: 1e-4, because: "PyTorch iterates in bf16, which moves steps by 2 %"), "bf16")
    }

    /// The others get the bits that AdamW alone gives them, and the EMAs follow all.
    @Test func otherParametersAreAdamWs() throws {
        func normal(_ shape: [Int], _ index: Int) -> Tensor {
            Tensor.normal(shape) { RandomStream(seed: 3, purpose: .test, index: 100 * index + $0) }
        }
        func parameters() throws -> [Parameter] {
            [
                Parameter(name: "a", value: normal([7], 0)), try weight(0),
                Parameter(name: "b", value: normal([3, 4], 1)),
            ]
        }
        let (mixed, alone) = (try parameters(), try parameters())
        let optimizers: [any Optimizer] = [
            Muon(mixed, matrices: [mixed[1]], settings: settings), AdamW(alone, settings: settings),
        ]
        // The last parameter has no EMA, like those of a projector.
        let averages = [mixed, alone].map { parameters in
            [0.5, 0.75].map { MovingAverage(decay: $0, startingFrom: parameters[..<2].map(\.value)) }
        }
        for step in 0..<3 {
            for (index, optimizer) in optimizers.enumerated() {
                for (place, parameter) in optimizer.parameters.enumerated() {
                    setGradient(normal(parameter.value.shape, 10 * step + place + 5), of: parameter)
                }
                optimizer.update(gradientScale: 0.5, averages: averages[index])
            }
        }
        for place in [0, 2] { #expect(mixed[place].value.values == alone[place].value.values) }
        #expect(mixed[1].value.values != alone[1].value.values)
        for (own, other) in zip(averages[0], averages[1]) {
            #expect(own.values[0].values == other.values[0].values)
            #expect(own.values[1].values != other.values[1].values)
        }
        #expect(optimizers[0].moments.map { $0.parameters.map(\.name) } == [["a", "b"], ["a", "b"], ["weight"]])
        #expect(optimizers[0].pieces == optimizers[1].pieces)
    }

    @Test func theAverageFollowsTheMatrix() throws {
        let weight = try weight(1)
        let average = MovingAverage(decay: 0.75, startingFrom: [weight.value])
        let before = weight.value
        try take(gradients(1)[..<1], Muon([weight], matrices: [weight], settings: settings), average)
        expectClose(average.values[0], Tensor.combination(0.75, before, 0.25, weight.value))
    }

    @Test func aRestoredOptimizerGoesOnToTheBit() throws {
        let whole = try weight(0)
        try take(gradients(0), Muon([whole], matrices: [whole], settings: settings))
        let first = try weight(0)
        let stopped = Muon([first], matrices: [first], settings: settings)
        try take(gradients(0)[..<2], stopped)
        let second = Parameter(name: "weight", value: first.value.copied())
        let resumed = Muon([second], matrices: [second], settings: settings)
        resumed.restore(step: stopped.step, moments: stopped.moments.map { $0.values.map { $0.copied() } })
        try take(gradients(0)[2...], resumed)
        #expect(resumed.step == 3 && second.value.values == whole.value.values)
    }
}
