import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Operators of the text-to-image model in bf16 beside float32.
extension BFloat16Tests {
    /// The halves of one matrix, whose border is one of panels or is not, are computed as two matrices are.
    @Test(arguments: [192, 200])
    func stackedGatedLayers(inner: Int) throws {
        let x = parameter("x", [3, 30, 72], index: 0)
        let gate = parameter("w1", [inner, 72], scale: 0.1, index: 1)
        let value = parameter("w3", [inner, 72], scale: 0.1, index: 2)
        let output = parameter("w2", [72, inner], scale: 0.1, index: 3)
        let stacked = Parameter(name: "w12", value: Tensor.concatenated([gate.value, value.value]))
        for packs in [true, false] where !packs || Precision.packsWeights {
            try Precision.$packsWeights.withValue(packs) {
                let (together, apart) = try Precision.bf16 {
                    (
                        swiGLU(x.value, stackedWeight: stacked.value, outputWeight: output.value),
                        swiGLU(
                            x.value, gateWeight: gate.value, valueWeight: value.value, outputWeight: output.value)
                    )
                }
                PixNerdTestSupport.expectClose(together, apart, Self.rounded)
                try expectClose([x, stacked, output]) {
                    swiGLU(x.tensor, stackedWeight: stacked.tensor, outputWeight: output.tensor)
                }
            }
        }
    }

    /// Three images, two of which share a text.
    @Test func attentionOverATextIsRounded() throws {
        let (heads, headWidth, rows, columns) = (2, 64, 9, 8)
        let qkv = parameter("qkv", [3, rows * columns, 3 * heads * headWidth], index: 0)
        let text = parameter("text", [2, 20, 2 * heads * headWidth], index: 4)
        let norms = (1...2).map { parameter("norm", [headWidth], index: $0) }
        let table = rotaryTable(headWidth: headWidth, rows: rows, columns: columns, across: 9, down: 8)
        try expectClose([qkv, text] + norms) {
            jointAttention(
                qkv.tensor, text: text.tensor, textOfImage: [1, 0, 1], queryNorm: norms[0].tensor,
                keyNorm: norms[1].tensor, heads: heads, table: table)
        }
    }

    /// Two texts of different lengths.
    @Test func attentionToTextsIsRounded() throws {
        let (heads, headWidth) = (2, 64)
        let queries = parameter("queries", [3, 70, heads * headWidth], index: 0)
        let texts = parameter("texts", [100, 2 * heads * headWidth], index: 1)
        try expectClose([queries, texts]) {
            crossAttention(
                queries.tensor, keysAndValues: texts.tensor, rows: [0..<64, 64..<100], textOfImage: [1, 0, 1],
                heads: heads)
        }
    }

    /// A text and an image, and the answers to both and to the image alone.
    @Test func attentionOverStreamsIsRounded() throws {
        let (heads, headWidth, rows, columns) = (2, 64, 9, 8)
        let streams = [20, rows * columns].enumerated().map {
            parameter("stream", [2, $1, 3 * heads * headWidth], index: $0)
        }
        let norms = (2...3).map { parameter("norm", [headWidth], scale: 0.7, index: $0) }
        let tables = [
            rotaryTable(tokens: 20, headWidth: headWidth, theta: 10000),
            rotaryTable(rows: rows, columns: columns, headWidth: headWidth, theta: 10000),
        ]
        for answered in [0..<2, 1..<2] {
            try expectClose(streams + norms) {
                joinedTokens(
                    streamAttention(
                        streams.map(\.tensor), answering: answered, queryNorm: norms[0].tensor,
                        keyNorm: norms[1].tensor, heads: heads, tables: tables))
            }
        }
    }
}
