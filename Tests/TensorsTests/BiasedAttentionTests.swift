import Foundation
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Attention with a bias for distances against a plain computation in float64, for texts of several lengths.
@Suite struct BiasedAttentionTests {
    private struct Inputs {
        let counts: [Int]
        let heads: Int
        let width: Int
        let queries, keys, values, bias: Tensor

        /// - Parameter reach: the longest text that the bias is for.
        init(_ counts: [Int], heads: Int, width: Int, reach: Int) {
            (self.counts, self.heads, self.width) = (counts, heads, width)
            let tokens = counts.reduce(0, +)
            func normal(_ shape: [Int], _ index: Int) -> Tensor {
                Tensor.normal(shape) { RandomStream(seed: 3, purpose: .noise, step: index, index: $0) }
            }
            queries = normal([tokens, heads * width], 0)
            keys = normal([tokens, heads * width], 1)
            values = normal([tokens, heads * width], 2)
            bias = normal([heads, 2 * reach - 1], 3)
        }

        var result: Tensor { biasedAttention(queries: queries, keys: keys, values: values, bias: bias, counts: counts) }

        var expected: Tensor {
            let (q, k, v, b) = (queries.values, keys.values, values.values, bias.values)
            let (row, places) = (heads * width, bias.shape[1])
            var out = [Float](repeating: 0, count: q.count)
            var start = 0
            for count in counts {
                for head in 0..<heads {
                    for i in 0..<count {
                        let scores = (0..<count).map { j in
                            (0..<width).reduce(Double(b[head * places + (places - 1) / 2 + j - i])) { sum, x in
                                sum + Double(q[(start + i) * row + head * width + x])
                                    * Double(k[(start + j) * row + head * width + x])
                            }
                        }
                        let largest = scores.max() ?? 0
                        let weights = scores.map { exp($0 - largest) }
                        let total = weights.reduce(0, +)
                        for x in 0..<width {
                            let sum = (0..<count).reduce(0.0) {
                                $0 + weights[$1] * Double(v[(start + $1) * row + head * width + x])
                            }
                            out[(start + i) * row + head * width + x] = Float(sum / total)
                        }
                    }
                }
                start += count
            }
            return Tensor(out, shape: queries.shape)
        }
    }

    @Test func agreesWithAPlainComputation() {
        for (counts, heads, width, reach) in [
            ([1], 1, 3, 1), ([5, 1, 9], 2, 6, 9), ([130, 3], 2, 5, 140), ([300], 1, 4, 300),
        ] {
            let inputs = Inputs(counts, heads: heads, width: width, reach: reach)
            expectClose(inputs.result, inputs.expected, .oneOperator, "\(counts)")
        }
    }

    @Test func whatDoesNotFitStops() async {
        await #expect(processExitsWith: .failure) {
            let x = Tensor(zeros: [4, 6])
            _ = biasedAttention(queries: x, keys: x, values: x, bias: Tensor(zeros: [2, 5]), counts: [4])
        }
        await #expect(processExitsWith: .failure) {
            let x = Tensor(zeros: [4, 6])
            _ = biasedAttention(queries: x, keys: x, values: x, bias: Tensor(zeros: [2, 7]), counts: [3])
        }
    }

    @Test func geluProduct() {
        let (a, b) = (Inputs([7], heads: 1, width: 40, reach: 7).queries, Inputs([7], heads: 2, width: 20, reach: 7).keys)
        let expected = zip(tanhGELU(a).values, b.values).map { $0 * $1 }
        expectClose(tanhGELUProduct(gate: a, value: b), Tensor(expected, shape: a.shape), .oneOperator)
    }
}
