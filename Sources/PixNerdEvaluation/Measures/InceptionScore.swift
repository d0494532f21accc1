import Foundation
import PixNerdTensors

/// Inception Score (Salimans et al., 2016): exp of the mean KL divergence between an image's class probabilities and
/// the mean probabilities of its split.
///
/// Splits are consecutive rows. Images sorted by class score too low: they must be shuffled first.
public struct InceptionScore: Sendable {
    /// Score of each split.
    public let scores: [Double]

    /// Mean over the splits.
    public var mean: Double { scores.reduce(0, +) / Double(scores.count) }

    /// Standard deviation over the splits; 0 for a single split.
    public var standardDeviation: Double {
        let mean = mean
        return (scores.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(scores.count)).squareRoot()
    }

    /// - Parameters:
    ///   - logits: [N, classes], without the last layer's bias, as in the published score.
    ///   - order: row indices in the order in which they are split, repeated as often as they count; nil for all rows
    ///     in turn.
    ///   - splitSize: rows per split, 5000 in ADM's evaluation; the last split may have fewer.
    public init(logits: Tensor, order: [Int]? = nil, splitSize: Int = 5000) {
        let (rows, classes) = (logits.shape[0], logits.shape[1])
        let order = order ?? Array(0..<rows)
        precondition(splitSize > 0 && !order.isEmpty, "InceptionScore: splits of \(splitSize) of \(order.count)")
        scores = logits.withUnsafeBuffer { logits in
            stride(from: 0, to: order.count, by: splitSize).map { first in
                let split = order[first..<min(first + splitSize, order.count)]
                return Self.score(of: split, logits, classes)
            }
        }
    }

    /// Score of one split. The mean divergence is the mean of sum p log p minus sum q log q, where q is the mean of p.
    private static func score(of rows: ArraySlice<Int>, _ logits: UnsafeBufferPointer<Float>, _ classes: Int) -> Double
    {
        var mean = [Double](repeating: 0, count: classes)
        var probabilities = [Double](repeating: 0, count: classes)
        var negativeEntropy = 0.0
        for row in rows {
            let values = logits[row * classes..<(row + 1) * classes]
            let largest = Double(values.max() ?? 0)
            var sum = 0.0
            for (index, value) in values.enumerated() {
                probabilities[index] = exp(Double(value) - largest)
                sum += probabilities[index]
            }
            let logSum = log(sum)
            for (index, value) in values.enumerated() {
                let probability = probabilities[index] / sum
                mean[index] += probability
                negativeEntropy += probability * (Double(value) - largest - logSum)
            }
        }
        let count = Double(rows.count)
        let common = mean.reduce(0) { $1 > 0 ? $0 + $1 / count * log($1 / count) : $0 }
        return exp(negativeEntropy / count - common)
    }
}
