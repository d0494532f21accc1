import Foundation
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Attention over streams of tokens, and the operators on tokens beside it, against sums written out in float64.
@Suite struct StreamAttentionTests {
    private static func normal(_ shape: [Int], _ index: Int, around mean: Float = 0) -> Tensor {
        let noise = Tensor.normal(shape) { RandomStream(seed: 6, purpose: .test, index: 1000 * index + $0) }
        return Tensor.combination(mean == 0 ? 1 : 0.2, noise, mean, Tensor(repeating: 1, shape: shape))
    }

    /// A text of few rows, and an image with enough patches for several tiles of scores.
    private struct Case {
        let batch = 2
        let heads = 2
        let headWidth = 8
        let (rows, columns): (Int, Int)
        let textRows = 5
        let streams: [Parameter]
        let norms: [Parameter]
        let tables: [Tensor]

        init(rows: Int, columns: Int) {
            (self.rows, self.columns) = (rows, columns)
            let counts = [textRows, rows * columns]
            let (batch, width) = (batch, 3 * heads * headWidth)
            streams = counts.enumerated().map {
                Parameter(name: "stream\($0)", value: normal([batch, $1, width], $0))
            }
            norms = (0..<2).map { [headWidth] in
                Parameter(name: "norm\($0)", value: normal([headWidth], 2 + $0, around: 1))
            }
            tables = [
                rotaryTable(tokens: textRows, headWidth: headWidth, theta: 10000),
                rotaryTable(rows: rows, columns: columns, headWidth: headWidth, theta: 10000),
            ]
        }

        func callAsFunction(_ answered: Range<Int>? = nil) -> [Tensor] {
            streamAttention(
                streams.map(\.tensor), answering: answered, queryNorm: norms[0].tensor, keyNorm: norms[1].tensor,
                heads: heads, tables: tables)
        }

        /// The answers in float64, from the definition of attention.
        func expected() -> [Tensor] {
            let width = heads * headWidth
            func angle(_ stream: Int, _ token: Int, _ pair: Int) -> Double {
                func turned(_ place: Int, _ pair: Int, of pairs: Int) -> Double {
                    Double(place) * pow(10000, -Double(pair) / Double(pairs))
                }
                guard stream == 1 else { return turned(token, pair, of: headWidth / 2) }
                let quarter = headWidth / 4
                return pair < quarter
                    ? turned(token / columns, pair, of: quarter)
                    : turned(token % columns, pair - quarter, of: quarter)
            }
            /// Queries, keys or values of a head.
            func head(_ stream: Int, _ image: Int, _ token: Int, _ head: Int, part: Int) -> [Double] {
                let tokens = streams[stream].value.shape[1]
                let start = (image * tokens + token) * 3 * width + part * width + head * headWidth
                let x = streams[stream].value.values[start..<start + headWidth].map(Double.init)
                guard part < 2 else { return x }
                let root = (x.reduce(0) { $0 + $1 * $1 } / Double(headWidth) + 1e-6).squareRoot()
                let normed = zip(x, norms[part].value.values).map { $0 / root * Double($1) }
                let half = headWidth / 2
                return (0..<headWidth).map { i in
                    let angle = angle(stream, token, i % half)
                    return i < half
                        ? normed[i] * cos(angle) - normed[i + half] * sin(angle)
                        : normed[i] * cos(angle) + normed[i - half] * sin(angle)
                }
            }
            return streams.indices.map { stream in
                let tokens = streams[stream].value.shape[1]
                var out: [Float] = []
                for image in 0..<batch {
                    let all = streams.indices.flatMap { other in
                        (0..<streams[other].value.shape[1]).map { (other, $0) }
                    }
                    let keys = (0..<heads).map { h in all.map { head($0.0, image, $0.1, h, part: 1) } }
                    let values = (0..<heads).map { h in all.map { head($0.0, image, $0.1, h, part: 2) } }
                    for token in 0..<tokens {
                        for h in 0..<heads {
                            let query = head(stream, image, token, h, part: 0)
                            let weights = keys[h].map { key in
                                exp(zip(query, key).reduce(0) { $0 + $1.0 * $1.1 } / Double(headWidth).squareRoot())
                            }
                            let total = weights.reduce(0, +)
                            for i in 0..<headWidth {
                                let sum = zip(weights, values[h]).reduce(0) { $0 + $1.0 * $1.1[i] }
                                out.append(Float(sum / total))
                            }
                        }
                    }
                }
                return Tensor(out, shape: [batch, tokens, width])
            }
        }
    }

    @Test func theAnswersAreTheirDefinition() {
        let small = Case(rows: 3, columns: 4)
        for (out, expected) in zip(small(), small.expected()) { expectClose(out, expected) }
        #expect(small(1..<2)[0].values == small()[1].values)
    }

    @Test(arguments: [(3, 4), (12, 17)])
    func derivatives(rows: Int, columns: Int) {
        let attention = Case(rows: rows, columns: columns)
        let parameters = attention.streams + attention.norms
        // Both answers, and that of the image alone.
        expectDerivative(parameters) { joinedTokens(attention()) }
        expectDerivative(parameters) { attention(1..<2)[0] }
    }

    @Test func oneStreamIsAttentionToItself() {
        let attention = Case(rows: 3, columns: 4)
        let text = attention.streams[0]
        expectDerivative([text] + attention.norms) {
            streamAttention(
                [text.tensor], queryNorm: attention.norms[0].tensor, keyNorm: attention.norms[1].tensor, heads: 2,
                tables: [attention.tables[0]])[0]
        }
    }

    @Test func partsOfTokens() {
        let parts = [Self.normal([2, 3, 4], 7), Self.normal([2, 2, 4], 8)]
        let joined = joinedTokens(parts)
        #expect(joined.shape == [2, 5, 4])
        #expect(tokens(0..<3, of: joined).values == parts[0].values)
        #expect(tokens(3..<5, of: joined).values == parts[1].values)
        let parameters = parts.enumerated().map { Parameter(name: "part\($0)", value: $1) }
        expectDerivative(parameters) { tokens(1..<4, of: joinedTokens(parameters.map(\.tensor))) }
    }

    @Test func textsAreFilled() {
        let text = Self.normal([3, 4], 9)
        let filler = Parameter(name: "filler", value: Self.normal([1, 1, 4], 10))
        let filled = filledRows([text, nil], length: 5, filler: filler.value)
        let row = filler.value.values
        #expect(filled.shape == [2, 5, 4])
        #expect(filled.values == text.values + (0..<7).flatMap { _ in row })
        expectDerivative([filler]) { filledRows([text, nil], length: 5, filler: filler.tensor) }
    }

    @Test func whatHasNoEffectHasAGradientOfZero() throws {
        let (used, unused) = (
            Parameter(name: "used", value: Tensor([2], shape: [1])),
            Parameter(name: "unused", value: Tensor([3, 4], shape: [2]))
        )
        withGradient { withoutEffect(of: [unused.tensor], on: scaled(used.tensor, by: 3)) }
        #expect(try #require(used.gradient).values == [3])
        #expect(try #require(unused.gradient).values == [0, 0])
    }
}
