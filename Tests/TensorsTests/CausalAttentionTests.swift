import PixNerdCheckpoints
import PixNerdTestSupport
import Testing

@testable import PixNerdTensors

/// The operators of a causal text encoder, against float64 in PyTorch.
@Suite struct CausalAttentionTests {
    @Test func normalisation() throws {
        try expectMatches(Fixtures.operation("rms_norm"), inputs: ["x", "weight"]) {
            rmsNorm($0["x"]!, weight: $0["weight"]!)
        }
    }

    private func attention(_ file: SafetensorsFile, counts: [Int]? = nil, texts: Range<Int>? = nil) throws -> Tensor {
        func input(_ name: String) throws -> Tensor {
            let tensor = try file.tensor(name)
            return texts.map { tensor.rows($0) } ?? tensor
        }
        let queries = try input("queries")
        let width = try #require(Int(file.metadata["head_width"] ?? ""))
        let theta = try #require(Double(file.metadata["theta"] ?? ""))
        let empty: SightOfPadding = file.metadata["empty"] == "all" ? .all : .none
        return causalAttention(
            queries: queries, keys: try input("keys"), values: try input("values"),
            queryNorm: try file.tensor("q_norm"), keyNorm: try file.tensor("k_norm"),
            table: rotaryTable(tokens: queries.shape[1], headWidth: width, theta: theta),
            counts: try counts ?? file.integers("counts"), empty: empty)
    }

    @Test(arguments: ["causal_attention", "causal_attention_all", "causal_attention_long"])
    func agrees(name: String) throws {
        let file = try Fixtures.operation(name)
        expectClose(try attention(file), try file.tensor("out"))
    }

    @Test(.whereBFloat16IsHad) func agreesInBFloat16() throws {
        let file = try Fixtures.operation("causal_attention_long")
        let out = try Precision.bf16 { try attention(file) }
        expectClose(out, try file.tensor("out"), Tolerance(relative: 1e-2, because: "bf16 has 8 bits"))
        #expect(relativeError(out.values, try file.tensor("out").values) > 1e-5, "it was computed in float32")
    }

    @Test func noRowSeesLaterRowsOrPadding() throws {
        let file = try Fixtures.operation("causal_attention")
        let whole = try attention(file)
        let shorter = try attention(file, counts: [8, 5, 1, 0])
        // The last row of the first text alone loses what it saw.
        let length = whole.count / 4
        #expect(whole.values.dropFirst(length) == shorter.values.dropFirst(length))
        let width = whole.shape[2]
        #expect(whole.values.prefix(length - width) == shorter.values.prefix(length - width))
        #expect(whole.values[(length - width)..<length] != shorter.values[(length - width)..<length])
        // Where there is nothing to see.
        #expect(whole.values.suffix(length).allSatisfy { $0 == 0 })
    }

    @Test func oneTextIsAsInABatch() throws {
        let file = try Fixtures.operation("causal_attention")
        let whole = try attention(file)
        for (text, count) in try file.integers("counts").enumerated() {
            let one = try attention(file, counts: [count], texts: text..<text + 1)
            #expect(one.values == whole.rows(text..<text + 1).values)
        }
    }
}
