import CPixNerdKernels
import Foundation

/// The coefficients of one AdamW step.
package struct AdamWCoefficients: Sendable {
    fileprivate var kernel: pn_adamw_coefficients

    /// - Parameters:
    ///   - step: the number of this step, from 1, for bias correction of the moments.
    ///   - gradientScale: a factor for all gradients, from clipping.
    ///   - averageDecay: the decay of the EMA of the weights.
    package init(
        learningRate: Float, beta1: Float, beta2: Float, epsilon: Float, weightDecay: Float, step: Int,
        gradientScale: Float, averageDecay: Float
    ) {
        let firstCorrection = 1 - pow(Double(beta1), Double(step))
        let secondCorrection = 1 - pow(Double(beta2), Double(step))
        kernel = pn_adamw_coefficients(
            gradient_scale: gradientScale, beta1: beta1, beta2: beta2, epsilon: epsilon,
            decay: Float(1 - Double(learningRate) * Double(weightDecay)),
            step_size: Float(Double(learningRate) / firstCorrection),
            second_correction: Float(1 / secondCorrection.squareRoot()), average_decay: averageDecay)
    }
}

/// Applies one AdamW step to the elements of a parameter from `start` on, as many as the moments have.
package func adamWStep(
    _ coefficients: AdamWCoefficients, gradient: StoredGradient, weight: inout Tensor, from start: Int = 0,
    firstMoment: inout Tensor, secondMoment: inout Tensor
) {
    OperatorProfile.begin("adamWStep")
    defer { OperatorProfile.end() }
    let (w, m, v) = (weight.uniquePointer() + start, firstMoment.uniquePointer(), secondMoment.uniquePointer())
    withUnsafePointer(to: coefficients.kernel) { kernel in
        gradient.forEachChunk(of: firstMoment.count, from: start) { at, count, g in
            pn_adamw_step_without_average(count, kernel, g, w + at, m + at, v + at)
        }
    }
}

/// Applies one AdamW step to the elements of a parameter from `start` on, and updates their EMA, in one pass over
/// memory.
package func adamWStep(
    _ coefficients: AdamWCoefficients, gradient: StoredGradient, weight: inout Tensor, from start: Int = 0,
    firstMoment: inout Tensor, secondMoment: inout Tensor, average: inout Tensor
) {
    OperatorProfile.begin("adamWStep")
    defer { OperatorProfile.end() }
    let (w, m, v) = (weight.uniquePointer() + start, firstMoment.uniquePointer(), secondMoment.uniquePointer())
    let a = average.uniquePointer()
    withUnsafePointer(to: coefficients.kernel) { kernel in
        gradient.forEachChunk(of: firstMoment.count, from: start) { at, count, g in
            pn_adamw_step(count, kernel, g, w + at, m + at, v + at, a + at)
        }
    }
}

/// Updates a momentum by Nesterov's rule: momentum = decay momentum + (1 - decay) gradient.
///
/// - Parameter gradientScale: a factor for the gradient, from clipping.
/// - Returns: decay momentum + (1 - decay) gradient, with the new momentum.
package func nesterovStep(
    gradient: StoredGradient, gradientScale: Float, decay: Float, momentum: inout Tensor
) -> Tensor {
    OperatorProfile.begin("nesterovStep")
    defer { OperatorProfile.end() }
    let direction = Tensor(uninitialized: momentum.shape)
    let m = momentum.uniquePointer()
    gradient.forEachChunk(of: momentum.count) { at, count, g in
        pn_nesterov_momentum(count, decay, gradientScale, g, m + at, direction.storage.pointer + at)
    }
    return direction
}

/// weight = keep weight - stepSize direction.
package func decayedStep(weight: inout Tensor, keep: Float, stepSize: Float, direction: Tensor) {
    OperatorProfile.begin("decayedStep")
    defer { OperatorProfile.end() }
    let w = weight.uniquePointer()
    parallelChunks(direction.count, of: elementsPerChunk) { range in
        let at = range.lowerBound
        pn_decayed_step(range.count, keep, stepSize, direction.pointer + at, w + at)
    }
}

/// Updates an EMA of the elements from `start` on: average = decay average + (1 - decay) weight. For EMAs other than
/// the one that `adamWStep` updates.
public func follow(_ weight: Tensor, from start: Int = 0, decay: Float, average: inout Tensor) {
    let target = average.uniquePointer()
    parallelChunks(average.count, of: elementsPerChunk) { range in
        pn_ema_update(range.count, decay, weight.pointer + start + range.lowerBound, target + range.lowerBound)
    }
}

/// The sum of the squares of all elements, in double precision and in a fixed order.
package func sumOfSquares(_ gradient: StoredGradient, count: Int) -> Double {
    OperatorProfile.begin("sumOfSquares")
    defer { OperatorProfile.end() }
    var sums = [Double](repeating: 0, count: (count + elementsPerChunk - 1) / elementsPerChunk)
    sums.withUnsafeMutableBufferPointer { sums in
        let target = sums.baseAddress!
        gradient.forEachChunk(of: count) { at, count, elements in
            target[at / elementsPerChunk] = pn_sum_of_squares(count, elements)
        }
    }
    return sums.reduce(0, +)
}

extension StoredGradient {
    /// Runs `body` for chunks of `count` elements from `start` on, on all threads.
    ///
    /// - Parameter body: gets the offset of a chunk from `start`, its size, and its elements as float32.
    fileprivate func forEachChunk(
        of count: Int, from start: Int = 0, _ body: (_ at: Int, _ count: Int, UnsafePointer<Float>) -> Void
    ) {
        parallelChunks(count, of: elementsPerChunk) { range in
            withElements(start + range.lowerBound..<start + range.upperBound) {
                body(range.lowerBound, range.count, $0)
            }
        }
    }
}
