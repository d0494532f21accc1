import CPixNerdKernels
import Foundation
import PixNerdTensors

/// Resampling filters, with Pillow's names and kernels.
public enum ResamplingFilter: String, Sendable, CaseIterable {
    case box
    case bilinear
    /// Keys' cubic with a = -0.5.
    case bicubic
    /// A windowed sinc with three lobes.
    case lanczos

    /// Half the width of the kernel in pixels, when not shrinking.
    var support: Double {
        switch self {
        case .box: 0.5
        case .bilinear: 1
        case .bicubic: 2
        case .lanczos: 3
        }
    }

    /// The value of the kernel at a distance of `x` pixels from its centre.
    func callAsFunction(_ x: Double) -> Double {
        switch self {
        case .box:
            return x > -0.5 && x <= 0.5 ? 1 : 0
        case .bilinear:
            return max(0, 1 - abs(x))
        case .bicubic:
            let a = -0.5
            let distance = abs(x)
            if distance < 1 { return ((a + 2) * distance - (a + 3)) * distance * distance + 1 }
            if distance < 2 { return (((distance - 5) * distance + 8) * distance - 4) * a }
            return 0
        case .lanczos:
            return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0
        }
    }

    private func sinc(_ x: Double) -> Double {
        x == 0 ? 1 : sin(x * .pi) / (x * .pi)
    }
}

/// The fixed-point weights of the input pixels that contribute to each output pixel along one axis.
struct ResamplingWeights {
    /// The first input pixel of each output pixel.
    private(set) var starts: [Int32]
    /// The number of input pixels of each output pixel.
    private(set) var counts: [Int32]
    /// `taps` weights per output pixel, of which the first `counts` are used.
    private(set) var weights: [Int32]
    let taps: Int

    /// Computes the weights for resampling a span of an axis to `outputSize` pixels.
    ///
    /// When shrinking, the kernel is widened by the scale factor, so that every input pixel counts. At the ends of the
    /// axis it is cut off and the rest is normalised to a sum of one. Everything is computed in double precision and
    /// rounded once to fixed point.
    ///
    /// - Parameters:
    ///   - filter: the resampling filter.
    ///   - inputSize: number of input pixels.
    ///   - span: the part to resample, in pixels from the start of the axis; nil for all of it.
    ///   - outputSize: number of output pixels of the whole span.
    ///   - outputs: the output pixels to compute weights for.
    init(
        filter: ResamplingFilter, inputSize: Int, span: (start: Double, length: Double)? = nil, outputSize: Int,
        outputs: Range<Int>
    ) {
        let (origin, length) = span ?? (0, Double(inputSize))
        let scale = length / Double(outputSize)
        let widening = max(scale, 1)
        let support = filter.support * widening
        let taps = Int(support.rounded(.up)) * 2 + 1
        self.taps = taps
        starts = Array(repeating: 0, count: outputs.count)
        counts = Array(repeating: 0, count: outputs.count)
        weights = Array(repeating: 0, count: outputs.count * taps)
        let unit = Double(1 << PN_WEIGHT_BITS)
        weights.withUnsafeMutableBufferPointer { weights in
            withUnsafeTemporaryAllocation(of: Double.self, capacity: taps) { heights in
                for (place, output) in outputs.enumerated() {
                    let center = origin + (Double(output) + 0.5) * scale
                    let first = max(Int(center - support + 0.5), 0)
                    let last = min(Int(center + support + 0.5), inputSize)
                    var sum = 0.0
                    for tap in 0..<last - first {
                        heights[tap] = filter((Double(tap + first) - center + 0.5) * (1 / widening))
                        sum += heights[tap]
                    }
                    starts[place] = Int32(first)
                    counts[place] = Int32(last - first)
                    for tap in 0..<last - first {
                        let weight = (sum == 0 ? heights[tap] : heights[tap] / sum) * unit
                        weights[place * taps + tap] = Int32(weight < 0 ? weight - 0.5 : weight + 0.5)
                    }
                }
            }
        }
    }

    /// The weights as floats. Their last bit is worth less than a rounding of a float.
    var floats: [Float] {
        weights.map { Float($0) / Float(1 << PN_WEIGHT_BITS) }
    }

    /// The range of input pixels that contribute to any output.
    var inputs: Range<Int> {
        var lower = Int.max
        var upper = 0
        for i in starts.indices {
            lower = min(lower, Int(starts[i]))
            upper = max(upper, Int(starts[i] + counts[i]))
        }
        return lower..<upper
    }

    /// The weights for an input without its first `count` pixels, which must not contribute to any output.
    func withoutFirst(_ count: Int) -> ResamplingWeights {
        var result = self
        for i in starts.indices { result.starts[i] -= Int32(count) }
        return result
    }

    /// The weights with the outputs in reverse order, which flips the image at no cost.
    func reversed() -> ResamplingWeights {
        var result = self
        result.starts.reverse()
        result.counts.reverse()
        for place in starts.indices {
            let from = (starts.count - 1 - place) * taps
            for tap in 0..<taps { result.weights[place * taps + tap] = weights[from + tap] }
        }
        return result
    }
}
