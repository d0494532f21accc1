import PixNerdLayers
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Tensors in memory.
private struct Shelf: TensorSource {
    struct Unreadable: Error, Equatable {
        let name: String
    }

    let tensors: [(name: String, tensor: Tensor)]
    var unreadable: Set<String> = []

    var origin: String { "shelf.safetensors" }
    var names: [String] { tensors.map(\.name) }
    func shape(of name: String) -> [Int]? { tensors.first { $0.name == name }?.tensor.shape }
    func tensor(_ name: String) throws -> Tensor {
        guard !unreadable.contains(name), let entry = tensors.first(where: { $0.name == name }) else {
            throw Unreadable(name: name)
        }
        return entry.tensor
    }
}

/// A model of two layers, initialised or loaded by the same statements.
private struct TwoLayers {
    let first: Linear
    let second: Linear
    let norm: RMSNormWeight
    let parameters: [Parameter]

    init(_ root: ParameterScope) {
        first = Linear(root / "blocks" / 0 / "attn", inputs: 2, outputs: 3)
        second = Linear(root / "blocks" / 1 / "attn", inputs: 3, outputs: 1, bias: false)
        norm = RMSNormWeight(root / "norm", width: 4)
        parameters = root.parameters
    }

    static let names = [
        "blocks.0.attn.weight", "blocks.0.attn.bias", "blocks.1.attn.weight", "norm.weight",
    ]
    static let shapes = [[3, 2], [3], [1, 3], [4]]
}

@Suite struct ParameterStoreTests {
    private func shelf(_ change: (inout [(name: String, tensor: Tensor)]) -> Void = { _ in }) -> Shelf {
        var tensors = zip(TwoLayers.names, TwoLayers.shapes).enumerated().map { index, entry in
            (name: entry.0, tensor: Tensor(repeating: Float(index + 1), shape: entry.1))
        }
        change(&tensors)
        return Shelf(tensors: tensors)
    }

    @Test func namesArePathsInTheOrderOfTheModel() throws {
        let model = try ParameterStore.build(.initialize(seed: 1)) { TwoLayers($0) }
        #expect(model.parameters.map(\.name) == TwoLayers.names)
        #expect(model.parameters.map(\.value.shape) == TwoLayers.shapes)
        #expect(model.second.bias == nil)
    }

    @Test func everyTensorIsLoaded() throws {
        // The order in the checkpoint does not matter.
        let model = try ParameterStore.build(.load(shelf { $0.reverse() })) { TwoLayers($0) }
        #expect(
            model.parameters.map(\.value.values)
                == [[1, 1, 1, 1, 1, 1], [2, 2, 2], [3, 3, 3], [4, 4, 4, 4]])
    }

    @Test func aLoadedLayerMultipliesByTheTransposedWeight() throws {
        let source = shelf { $0[0].tensor = Tensor([1, 2, 3, 4, 5, 6], shape: [3, 2]) }
        let model = try ParameterStore.build(.load(source)) { TwoLayers($0) }
        let out = model.first(Tensor([1, 10], shape: [1, 2]))
        expectClose(out, Tensor([21 + 2, 43 + 2, 65 + 2], shape: [1, 3]))
    }

    @Test func everyMismatchIsListedAtOnce() throws {
        let source = shelf { tensors in
            tensors[0].tensor = Tensor(zeros: [2, 3])
            tensors[3].tensor = Tensor(zeros: [4, 1])
            tensors[1].name = "blocks.0.attn.offset"
            tensors.append(("blocks.9.odd", Tensor(zeros: [1])))
        }
        let error = #expect(throws: CheckpointMismatch.self) {
            try ParameterStore.build(.load(source)) { TwoLayers($0) }
        }
        let mismatch = try #require(error)
        #expect(mismatch.origin == "shelf.safetensors")
        #expect(mismatch.missing == ["blocks.0.attn.bias"])
        #expect(mismatch.unexpected == ["blocks.0.attn.offset", "blocks.9.odd"])
        #expect(mismatch.misshapen.map(\.name) == ["blocks.0.attn.weight", "norm.weight"])
        #expect(mismatch.misshapen.map(\.found) == [[2, 3], [4, 1]])
        #expect(mismatch.misshapen.map(\.expected) == [[3, 2], [4]])
        expectSentence(
            mismatch.description,
            naming: [
                "shelf.safetensors", "lacks blocks.0.attn.bias", "blocks.0.attn.offset, blocks.9.odd",
                "blocks.0.attn.weight as [2, 3] where [3, 2] is expected", "norm.weight as [4, 1] where [4]",
            ])
    }

    @Test func longListsAreCutShort() throws {
        let source = Shelf(tensors: (0..<20).map { ("extra\($0)", Tensor(zeros: [1])) })
        let error = #expect(throws: CheckpointMismatch.self) {
            try ParameterStore.build(.load(source)) { TwoLayers($0) }
        }
        #expect(error?.unexpected.count == 20)
        expectSentence(error?.description ?? "", naming: ["extra0", "extra7 and 12 more", "norm.weight"])
        #expect(error?.description.contains("extra8") == false)
    }

    @Test func whatReadingThrowsIsPassedOn() {
        var source = shelf()
        source.unreadable = ["blocks.0.attn.bias", "norm.weight"]
        let error = #expect(throws: Shelf.Unreadable.self) {
            try ParameterStore.build(.load(source)) { TwoLayers($0) }
        }
        #expect(error?.name == "blocks.0.attn.bias")
    }
}

@Suite struct InitializerTests {
    private func values(_ initializers: [Initializer], seed: UInt64, shape: [Int] = [40, 50]) throws -> [[Float]] {
        try ParameterStore.build(.initialize(seed: seed)) { root in
            initializers.enumerated().map { index, initializer in
                (root / index).parameter("weight", shape: shape, initializer).value.values
            }
        }
    }

    private static let random: [Initializer] = [.normal(standardDeviation: 0.5), .uniform(bound: 0.25)]

    @Test(arguments: random) func seedsAndPlacesDecide(initializer: Initializer) throws {
        let pair = try values([initializer, initializer], seed: 3)
        #expect(try values([initializer, initializer], seed: 3) == pair)
        #expect(pair[0] != pair[1], "each place has a stream of its own")
        #expect(try values([initializer], seed: 4)[0] != pair[0])
        #expect(try values([initializer], seed: 3 + 1 << 32)[0] != pair[0], "all 64 bits of a seed count")
        #expect(try values([.zeros, initializer], seed: 3)[1] == pair[1], "what stands before does not matter")
    }

    @Test func constantsAreConstant() throws {
        let pair = try values([.zeros, .ones], seed: 3)
        #expect(pair[0].allSatisfy { $0 == 0 } && pair[1].allSatisfy { $0 == 1 })
    }

    /// Means and deviations of 2000 numbers within five standard errors.
    @Test(arguments: zip(random, [0.5, 0.25 / 3.0.squareRoot()]))
    func numbersFollowTheirDistribution(initializer: Initializer, deviation: Double) throws {
        let numbers = try values([initializer], seed: 9)[0].map(Double.init)
        let mean = numbers.reduce(0, +) / 2000
        let spread = (numbers.reduce(0) { $0 + $1 * $1 } / 2000).squareRoot()
        #expect(abs(mean) < 5 * deviation / 2000.squareRoot())
        #expect(abs(spread / deviation - 1) < 5 / 4000.squareRoot())
    }

    @Test func uniformNumbersStayInsideTheirBound() throws {
        let numbers = try values([.uniform(bound: 0.25)], seed: 9, shape: [100, 200])[0]
        #expect(numbers.allSatisfy { abs($0) <= 0.25 })
        #expect(numbers.max()! > 0.249 && numbers.min()! < -0.249)
    }

    @Test func boundsAreThoseOfPyTorch() {
        #expect(Initializer.linearDefault(inputs: 16) == .uniform(bound: 0.25))
        #expect(Initializer.xavierUniform(inputs: 30, outputs: 66) == .uniform(bound: 0.25))
    }
}
