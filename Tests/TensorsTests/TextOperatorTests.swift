import Foundation
import PixNerdCheckpoints
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// The operators of the text-to-image model and their derivatives against float64 in PyTorch
/// (`make_text_denoiser_fixtures.py`), and the derivatives against differences.
@Suite struct TextOperatorTests {
    private func number(_ key: String, of file: SafetensorsFile) throws -> Int {
        Int(try #require(file.metadata[key]))!
    }

    @Test func attentionWithoutPositions() throws {
        let file = try Fixtures.operation("normalized_attention")
        try expectMatches(file, inputs: ["qkv", "q_norm", "k_norm"]) {
            normalizedAttention($0["qkv"]!, queryNorm: $0["q_norm"]!, keyNorm: $0["k_norm"]!, heads: 2)
        }
    }

    /// Three images of which two share a text; and enough patches for several tiles of scores.
    @Test(arguments: ["joint_attention", "joint_attention_large"])
    func attentionOverAText(name: String) throws {
        let file = try Fixtures.operation(name)
        let (heads, rows) = try (number("heads", of: file), number("rows", of: file))
        let columns = try number("columns", of: file)
        let texts = try file.integers("labels")
        let table = rotaryTable(
            headWidth: try file.tensor("q_norm").count, rows: rows, columns: columns, across: Double(rows),
            down: Double(columns))
        try expectMatches(file, inputs: ["qkv", "text", "q_norm", "k_norm"]) {
            jointAttention(
                $0["qkv"]!, text: $0["text"]!, textOfImage: texts, queryNorm: $0["q_norm"]!, keyNorm: $0["k_norm"]!,
                heads: heads, table: table)
        }
    }

    /// A text that several images share gives the same as one copy for each, and gets the sum of their gradients.
    @Test func sharedTextsAreTheSameAsCopies() throws {
        let file = try Fixtures.operation("joint_attention")
        let texts = try file.integers("labels")
        let table = rotaryTable(headWidth: 8, rows: 3, columns: 4, across: 3, down: 4)
        let (qkv, norm) = (try file.tensor("qkv"), try file.tensor("k_norm"))
        func run(_ text: Tensor, _ ofImage: [Int]) throws -> (out: Tensor, gradient: Tensor) {
            let text = Parameter(name: "text", value: text)
            let out = try withGradient(upstream: file.tensor("upstream")) {
                jointAttention(
                    qkv, text: text.tensor, textOfImage: ofImage, queryNorm: norm, keyNorm: norm, heads: 2,
                    table: table)
            }
            return (out, try #require(text.gradient))
        }
        let text = try file.tensor("text")
        let shared = try run(text, texts)
        let own = try run(Tensor.concatenated(texts.map { text.rows($0..<$0 + 1) }), [0, 1, 2])
        #expect(shared.out.values == own.out.values)
        let size = own.gradient.count / 3
        let copies = (0..<3).map { Array(own.gradient.values[$0 * size..<($0 + 1) * size]) }
        #expect(Array(shared.gradient.values.prefix(size)) == copies[1])
        #expect(Array(shared.gradient.values.suffix(size)) == zip(copies[0], copies[2]).map { $0 + $1 })
    }

    /// Texts of different lengths, one of which two images share and one of which no image has; and several tiles.
    @Test(arguments: ["cross_attention", "cross_attention_large"])
    func attentionToTextsOfAnyLength(name: String) throws {
        let file = try Fixtures.operation(name)
        let (heads, ofImage) = (try number("heads", of: file), try file.integers("labels"))
        var rows: [Range<Int>] = []
        for length in try file.integers("lengths") {
            let start = rows.last?.upperBound ?? 0
            rows.append(start..<start + length)
        }
        try expectMatches(file, inputs: ["queries", "texts"]) {
            crossAttention(
                $0["queries"]!, keysAndValues: $0["texts"]!, rows: rows, textOfImage: ofImage, heads: heads)
        }
    }

    @Test func stackedGates() throws {
        let file = try Fixtures.operation("swiglu_stacked")
        try expectMatches(file, inputs: ["x", "w12", "w3"]) {
            swiGLU($0["x"]!, stackedWeight: $0["w12"]!, outputWeight: $0["w3"]!)
        }
    }

    /// Halves of one matrix give the same as two matrices, in rows that chunks of elements divide and others.
    @Test(arguments: [(5, 21, 12), (70, 600, 33)])
    func stackedGatesAreTwoMatrices(rows: Int, inner: Int, width: Int) throws {
        func normal(_ shape: [Int], _ index: Int) -> Tensor {
            Tensor.normal(shape) { RandomStream(seed: 2, purpose: .test, index: 1000 * index + $0) }
        }
        let (x, output) = (normal([rows, width], 0), normal([width, inner], 3))
        let (gate, value) = (normal([inner, width], 1), normal([inner, width], 2))
        let stacked = Parameter(name: "w12", value: Tensor.concatenated([gate, value]))
        let halves = [Parameter(name: "w1", value: gate), Parameter(name: "w3", value: value)]
        let together = withGradient { swiGLU(x, stackedWeight: stacked.tensor, outputWeight: output) }
        let apart = withGradient {
            swiGLU(x, gateWeight: halves[0].tensor, valueWeight: halves[1].tensor, outputWeight: output)
        }
        expectClose(together, apart)
        expectClose(
            try #require(stacked.gradient), Tensor.concatenated(try halves.map { try #require($0.gradient) }))
    }

    @Test func normOfRowsWithPositions() throws {
        let file = try Fixtures.operation("positioned_rms_norm")
        try expectMatches(file, inputs: ["x", "weight", "positions"]) {
            positionedRMSNorm($0["x"]!, weight: $0["weight"]!, positions: $0["positions"]!)
        }
    }

    @Test func fieldWithoutNorms() throws {
        let file = try Fixtures.operation("neural_field_text")
        let (side, blocks) = try (number("patch_size", of: file), number("blocks", of: file))
        let positions = rotaryFieldPositions(height: side, width: side)
        let shared = ["embedder.weight", "embedder.bias", "final.weight", "final.bias"]
        let own = (0..<blocks).flatMap { ["generated\($0)", "norm\($0)"] }
        try expectMatches(file, inputs: ["pixels"] + own + shared) { inputs in
            neuralField(
                inputs["pixels"]!, positions: positions, generated: (0..<blocks).map { inputs["generated\($0)"]! },
                weights: NeuralFieldWeights(
                    embedderWeight: inputs["embedder.weight"]!, embedderBias: inputs["embedder.bias"]!,
                    norms: (0..<blocks).map { inputs["norm\($0)"]! }, finalNorm: nil,
                    finalWeight: inputs["final.weight"]!, finalBias: inputs["final.bias"]!, normalizesSecond: false))
        }
    }

    @Test func tables() throws {
        expectClose(
            rotaryTable(headWidth: 12, rows: 5, columns: 7, across: 5, down: 7),
            try Fixtures.operation("rotary_table_exchanged_5x7").tensor("table"))
        expectClose(
            rotaryFieldPositions(height: 3, width: 5),
            try Fixtures.operation("rotary_field_positions_3x5").tensor("table"))
    }

    /// Without gradients the weights of many patches are generated slice by slice: 320 patches of 65,536 weights are
    /// more than 64 MiB.
    @Test func manyPatchesAreDecodedInSlices() throws {
        let (patches, field, ratio, width) = (320, 64, 8, 3)
        func normal(_ shape: [Int], _ index: Int, scale: Float = 1) -> Tensor {
            let tensor = Tensor.normal(shape) { RandomStream(seed: 3, purpose: .test, index: 1_000_000 * index + $0) }
            return Tensor.combination(scale, tensor, 0, tensor)
        }
        let generator = FieldGenerator(
            weight: normal([2 * field * field * ratio, width], 0, scale: 0.1),
            bias: normal([2 * field * field * ratio], 1))
        let weights = NeuralFieldWeights(
            embedderWeight: normal([field, 3 + 64], 2, scale: 0.1), embedderBias: normal([field], 3),
            norms: [normal([field], 4)], finalNorm: nil, finalWeight: normal([3, field], 5), finalBias: normal([3], 6),
            normalizesSecond: false)
        let pixels = normal([patches, 4, 3], 7)
        let tokens = Parameter(name: "tokens", value: normal([patches, width], 8))
        func velocity() -> Tensor {
            neuralField(
                pixels, positions: rotaryFieldPositions(height: 2, width: 2), tokens: tokens.tensor,
                generators: [generator], weights: weights)
        }
        // With a tape all weights are generated at once.
        expectClose(velocity(), withGradient { velocity() })
    }
}
