import CPixNerdKernels
import Foundation
import PixNerdTensors

/// How a picture is resampled. The names and the kernels are Pillow's.
public enum ResamplingFilter: String, Sendable, CaseIterable {
    case box
    case bilinear
    /// Keys' cubic with a = -0.5.
    case bicubic
    /// A windowed sinc with three lobes.
    case lanczos

    /// Half the width of the kernel in pixels, before it is widened for shrinking.
    var support: Double {
        switch self {
        case .box: 0.5
        case .bilinear: 1
        case .bicubic: 2
        case .lanczos: 3
        }
    }

    /// The kernel's height at a distance of `x` pixels from its centre.
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

/// The weights of one axis: which input pixels each output pixel is made of, in fixed point.
struct ResamplingWeights {
    /// For each output pixel its first input pixel.
    private(set) var starts: [Int32]
    /// For each output pixel how many input pixels it takes.
    private(set) var counts: [Int32]
    /// `taps` weights for each output pixel, of which the first `counts` are used.
    private(set) var weights: [Int32]
    let taps: Int

    /// The weights of some outputs of an axis, of which a span is resampled to `outputSize` pixels.
    ///
    /// A kernel is widened by the factor of shrinking, so that every input pixel counts; at the axis' ends it is cut
    /// off and what is left is scaled to a sum of one. All this in double precision, rounded once to fixed point.
    ///
    /// - Parameters:
    ///   - inputSize: how many pixels the axis has.
    ///   - span: what is resampled, in pixels from the axis' beginning; nil for all of it.
    ///   - outputs: which of the `outputSize` output pixels are wanted.
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

    /// The input pixels that any of the outputs takes.
    var inputs: Range<Int> {
        var lower = Int.max
        var upper = 0
        for i in starts.indices {
            lower = min(lower, Int(starts[i]))
            upper = max(upper, Int(starts[i] + counts[i]))
        }
        return lower..<upper
    }

    /// The same for an input that lacks its first `count` pixels, which no output takes.
    func withoutFirst(_ count: Int) -> ResamplingWeights {
        var result = self
        for i in starts.indices { result.starts[i] -= Int32(count) }
        return result
    }

    /// The outputs from last to first: a mirrored picture for nothing.
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
