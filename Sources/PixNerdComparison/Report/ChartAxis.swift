import Foundation

/// An axis of a chart: the range of its values and the ticks beside it.
package struct ChartAxis {
    package enum Scale {
        /// Starts at zero, or below if there are negative values.
        case linear
        case logarithmic
    }

    let scale: Scale
    package let range: ClosedRange<Double>

    /// Creates an axis that spans all values.
    package init(_ scale: Scale, holding values: [Double]) {
        self.scale = scale
        // Far from the largest numbers there are, so that differences are finite too.
        let finite = values.filter { abs($0) < 1e300 && (scale == .linear || $0 > 0) }
        switch scale {
        case .linear:
            let (low, high) = (min(finite.min() ?? 0, 0), max(finite.max() ?? 1, 1e-12))
            range = low...high + 0.06 * (high - low)
        case .logarithmic:
            let (low, high) = (finite.min() ?? 1, finite.max() ?? 10)
            range = low...max(high, low * 1.0001)
        }
    }

    /// Position of a value, from 0 at the lower to 1 at the upper end.
    package func place(_ value: Double) -> Double {
        switch scale {
        case .linear: return (value - range.lowerBound) / (range.upperBound - range.lowerBound)
        case .logarithmic:
            let width = log(range.upperBound / range.lowerBound)
            return log(max(value, range.lowerBound) / range.lowerBound) / width
        }
    }

    /// Round values for ticks, about as many as asked for.
    package func ticks(about count: Int) -> [Double] {
        switch scale {
        case .linear:
            let rough = (range.upperBound - range.lowerBound) / Double(count)
            let power = pow(10, floor(log10(rough)))
            let step = ([1, 2, 2.5, 5].first { $0 * power >= 0.85 * rough } ?? 10) * power
            let places = Int((range.lowerBound / step).rounded(.up))...Int((range.upperBound / step).rounded(.down))
            return places.map { Double($0) * step }
        case .logarithmic:
            let powers = Int(floor(log10(range.lowerBound)))...Int(ceil(log10(range.upperBound)))
            func inside(_ digits: [Double]) -> [Double] {
                powers.flatMap { power in digits.map { $0 * pow(10, Double(power)) } }
                    .filter { $0 >= range.lowerBound * 0.999 && $0 <= range.upperBound * 1.001 }
            }
            return [[1], [1, 3], [1, 2, 5], [1, 2, 3, 4, 5, 6, 7, 8, 9]].map(inside).first { $0.count >= min(count, 3) }
                ?? inside([1, 2, 3, 4, 5, 6, 7, 8, 9])
        }
    }

    /// Label of a tick, with no more digits than it needs and without an exponent.
    package static func label(_ value: Double) -> String {
        let text = String(format: "%.4g", value)
        return text.contains("e") ? String(format: "%.0f", value) : text
    }
}
