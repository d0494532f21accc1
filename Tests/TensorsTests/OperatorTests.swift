import Foundation
import PixNerdCheckpoints
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Each operator and its derivative against float64 in PyTorch, and the derivative against differences.
@Suite struct OperatorTests {
    @Test(arguments: ["linear", "linear_nobias"])
    func linearLayer(name: String) throws {
        let inputs = name == "linear" ? ["x", "weight", "bias"] : ["x", "weight"]
        try expectMatches(Fixtures.operation(name), inputs: inputs) {
            linear($0["x"]!, weight: $0["weight"]!, bias: $0["bias"])
        }
    }

    /// Products with few rows have a kernel of their own, those with more are OpenBLAS's; widths that fill no vector, and more
    /// outputs than one thread takes.
    @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8, 9], [(5, 7), (301, 100), (2000, 33)])
    func linearLayerOfFewRows(rows: Int, sizes: (outputs: Int, inputs: Int)) {
        func normal(_ shape: [Int], _ index: Int) -> Tensor {
            Tensor.normal(shape) { RandomStream(seed: 1, purpose: .test, index: 100 * index + $0) }
        }
        let x = normal([rows, sizes.inputs], 0)
        let (weight, bias) = (normal([sizes.outputs, sizes.inputs], 1), normal([sizes.outputs], 50))
        let (xs, ws, bs) = (x.values, weight.values, bias.values)
        let expected = (0..<rows * sizes.outputs).map { place in
            let (row, output) = (place / sizes.outputs, place % sizes.outputs)
            return Float(
                (0..<sizes.inputs).reduce(Double(bs[output])) {
                    $0 + Double(xs[row * sizes.inputs + $1]) * Double(ws[output * sizes.inputs + $1])
                })
        }
        expectClose(
            linear(x, weight: weight, bias: bias), Tensor(expected, shape: [rows, sizes.outputs]), .oneOperator)
    }

    @Test(arguments: [
        ("modulated_rms_norm", ModulationPart.attentionShift, ModulationPart.attentionScale),
        ("modulated_rms_norm_second", .feedForwardShift, .feedForwardScale),
    ])
    func modulatedNorm(name: String, shift: ModulationPart, scale: ModulationPart) throws {
        try expectMatches(Fixtures.operation(name), inputs: ["x", "weight", "modulation"]) {
            modulatedRMSNorm(
                $0["x"]!, weight: $0["weight"]!, modulation: $0["modulation"]!, shift: shift, scale: scale)
        }
    }

    @Test func residual() throws {
        try expectMatches(Fixtures.operation("gated_residual"), inputs: ["x", "y", "modulation"]) {
            gatedResidual($0["x"]!, $0["y"]!, modulation: $0["modulation"]!, gate: .attentionGate)
        }
    }

    @Test(arguments: ["rotary_attention", "rotary_attention_large"])
    func attention(name: String) throws {
        let file = try Fixtures.operation(name)
        func number(_ key: String) throws -> Int { Int(try #require(file.metadata[key]))! }
        let (heads, rows, columns) = try (number("heads"), number("rows"), number("columns"))
        let headWidth = try file.tensor("q_norm").count
        let table = rotaryTable(headWidth: headWidth, rows: rows, columns: columns)
        try expectMatches(file, inputs: ["qkv", "q_norm", "k_norm"]) {
            rotaryAttention(
                $0["qkv"]!, queryNorm: $0["q_norm"]!, keyNorm: $0["k_norm"]!, heads: heads, table: table)
        }
    }

    @Test func gatedMLP() throws {
        try expectMatches(Fixtures.operation("swiglu"), inputs: ["x", "w1", "w3", "w2"]) {
            swiGLU($0["x"]!, gateWeight: $0["w1"]!, valueWeight: $0["w3"]!, outputWeight: $0["w2"]!)
        }
    }

    @Test func activation() throws {
        try expectMatches(Fixtures.operation("silu"), inputs: ["x"]) { silu($0["x"]!) }
    }

    @Test func activationOfSum() throws {
        try expectMatches(Fixtures.operation("add_silu"), inputs: ["t", "x"]) {
            siluOfSum(condition: $0["t"]!, $0["x"]!)
        }
    }

    @Test func embeddingTable() throws {
        let file = try Fixtures.operation("embedding")
        let labels = try file.integers("labels")
        try expectMatches(file, inputs: ["table"]) { embedding($0["table"]!, indices: labels) }
    }

    /// Sums of several rows, of one and of none.
    @Test func sumsOfRowsOfATable() throws {
        let file = try Fixtures.operation("embedding_sum")
        var labels = try file.integers("labels")[...]
        let sets = try file.integers("counts").map { count in
            defer { labels = labels.dropFirst(count) }
            return Array(labels.prefix(count))
        }
        try expectMatches(file, inputs: ["table"]) { embedding($0["table"]!, sets: sets) }
        let table = try file.tensor("table")
        #expect(embedding(table, sets: [[2], [4]]).values == embedding(table, indices: [2, 4]).values)
    }

    @Test(arguments: ["neural_field", "neural_field_grey"])
    func field(name: String) throws {
        let file = try Fixtures.operation(name)
        let blocks = name == "neural_field" ? 2 : 1
        let patch = Int(try #require(file.metadata["patch_size"]))!
        let positions = fieldPositions(height: patch, width: patch)
        let shared = ["embedder.weight", "embedder.bias", "final.norm", "final.weight", "final.bias"]
        let own = (0..<blocks).flatMap { ["generated\($0)", "norm\($0)"] }
        try expectMatches(file, inputs: ["pixels"] + own + shared) { inputs in
            neuralField(
                inputs["pixels"]!, positions: positions,
                generated: (0..<blocks).map { inputs["generated\($0)"]! },
                weights: NeuralFieldWeights(
                    embedderWeight: inputs["embedder.weight"]!, embedderBias: inputs["embedder.bias"]!,
                    norms: (0..<blocks).map { inputs["norm\($0)"]! }, finalNorm: inputs["final.norm"]!,
                    finalWeight: inputs["final.weight"]!, finalBias: inputs["final.bias"]!))
        }
    }

    @Test(arguments: ["mean_squared_error", "mean_absolute_error"])
    func loss(name: String) throws {
        let file = try Fixtures.operation(name)
        let prediction = Parameter(name: "a", value: try file.tensor("a"))
        let target = try file.tensor("b")
        func error(_ a: Tensor) -> Tensor {
            (name == "mean_squared_error" ? meanSquaredError : meanAbsoluteError)(a, target).mean
        }
        let out = try withGradient(upstream: file.tensor("upstream")) { error(prediction.tensor) }
        expectClose(out, try file.tensor("out"))
        expectClose(try #require(prediction.gradient), try file.tensor("grad.a"))
        // The slope of |a - b| jumps where they are equal, so differences must keep away from there.
        if name == "mean_absolute_error" { prediction.value = apart(prediction.value, from: target) }
        expectDerivative([prediction]) { error(prediction.tensor) }
    }

    /// x, moved away from every number of `other` that it is near to.
    private func apart(_ x: Tensor, from other: Tensor) -> Tensor {
        Tensor(zip(x.values, other.values).map { $0 >= $1 ? $0 + 0.1 : $0 - 0.1 }, shape: x.shape)
    }

    @Test func factor() {
        let x = Parameter(name: "x", value: Tensor([1, 2, 3], shape: [3]))
        let out = withGradient(upstream: Tensor([1, 10, 100], shape: [3])) { scaled(x.tensor, by: -0.5) }
        #expect(out.values == [-0.5, -1, -1.5])
        #expect(x.gradient?.values == [-0.5, -5, -50])
    }

    @Test func addition() {
        let a = Parameter(name: "a", value: Tensor([1, 2, 3], shape: [3]))
        let b = Parameter(name: "b", value: Tensor([4, 5, 6], shape: [3]))
        withGradient(upstream: Tensor([1, 10, 100], shape: [3])) { sum(sum(a.tensor, b.tensor), a.tensor) }
        #expect(a.gradient?.values == [2, 20, 200])
        #expect(b.gradient?.values == [1, 10, 100])
    }

    @Test func modulatedNormWithoutWeights() throws {
        try expectMatches(Fixtures.operation("modulated_layer_norm"), inputs: ["x", "modulation"]) {
            modulatedLayerNorm($0["x"]!, modulation: $0["modulation"]!)
        }
        try expectMatches(Fixtures.operation("modulated_layer_norm_parts"), inputs: ["x", "modulation"]) {
            modulatedLayerNorm(
                $0["x"]!, modulation: $0["modulation"]!, shift: .feedForwardShift, scale: .feedForwardScale)
        }
    }

    @Test func patches() throws {
        let file = try Fixtures.operation("patchify")
        let image = try file.tensor("x")
        let grid = PatchGrid(shape: image.shape, patch: 4)
        #expect(grid.tokens(image).values == (try file.tensor("patches").values))
        #expect(grid.pixels(image).values == (try file.tensor("pixels").values))
        #expect(grid.image(fromPixels: grid.pixels(image)).values == image.values)
        #expect(grid.image(fromTokens: grid.tokens(image)).values == image.values)
        // Small values, so that float32 differences are not lost in their rounding.
        let parameter = Parameter(name: "x", value: Tensor.combination(0.01, image, 0, image))
        expectDerivative([parameter]) { grid.tokens(parameter.tensor) }
        expectDerivative([parameter]) { grid.image(fromPixels: grid.pixels(parameter.tensor)) }
        expectDerivative([parameter]) { grid.image(fromTokens: grid.tokens(parameter.tensor)) }
    }

    @Test func timeFeatures() throws {
        let file = try Fixtures.operation("timestep_features")
        let features = timestepFeatures(try file.tensor("t").values)
        expectClose(features, try file.tensor("out"))
        expectClose(features, try file.tensor("out64"))
    }

    @Test(arguments: [(5, 7), (1, 1)])
    func rotaryAngles(rows: Int, columns: Int) throws {
        let expected = try Fixtures.operation("rotary_table_\(rows)x\(columns)").tensor("table")
        expectClose(rotaryTable(headWidth: 12, rows: rows, columns: columns), expected)
    }

    @Test(arguments: [2, 4, 16])
    func pixelPositions(patch: Int) throws {
        let expected = try Fixtures.operation("field_positions_\(patch)").tensor("table")
        expectClose(fieldPositions(height: patch, width: patch), expected)
    }

    /// The check itself must see a wrong derivative.
    @Test func brokenDerivativeIsSeen() {
        let x = Parameter(name: "x", value: Tensor([0.5, -1, 2, 0.1], shape: [4]))
        let error = derivativeError([x]) {
            let input = x.tensor
            let out = silu(input.detached)
            return Tape.record("broken", out, from: [input]) { upstream in input.node?.add(upstream) }
        }
        #expect(error > 0.05)
    }
}
