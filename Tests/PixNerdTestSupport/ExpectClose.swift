import PixNerdOptimization
import PixNerdTensors
import Testing

/// The largest accepted difference between numbers, with its reason.
public struct Tolerance: Sendable {
    /// Largest difference relative to the expected values, both in the Frobenius norm.
    public let relative: Double
    public let reason: String

    public init(relative: Double, because reason: String) {
        self.relative = relative
        self.reason = reason
    }

    /// One operator in float32 against float64: rounding errors grow with the square root of the number of terms of a
    /// sum.
    public static let oneOperator = Tolerance(
        relative: 1e-5, because: "one operator in float32: some hundred terms of 6e-8 each")
    /// A whole network against PyTorch in float32.
    public static let network = Tolerance(
        relative: 1e-4, because: "the promise for forward passes and gradients; PyTorch itself is 4e-6 from float64")
    /// Some tens of steps of training against PyTorch.
    public static let run = Tolerance(
        relative: 1e-3, because: "the promise for a run; AdamW's division makes small gradients' rounding count")
}

/// The relative error in the Frobenius norm; infinite if any value is not finite.
public func relativeError(_ actual: [Float], _ expected: [Float]) -> Double {
    var difference = 0.0
    var norm = 0.0
    for (a, e) in zip(actual, expected) {
        difference += (Double(a) - Double(e)) * (Double(a) - Double(e))
        norm += Double(e) * Double(e)
    }
    guard difference.isFinite, norm.isFinite else { return .infinity }
    return difference == 0 ? 0 : (difference / max(norm, 1e-30)).squareRoot()
}

/// Fails unless both tensors have the same shape and a small difference; names the worst index.
public func expectClose(
    _ actual: Tensor, _ expected: Tensor, _ tolerance: Tolerance = .oneOperator, _ what: String = "",
    sourceLocation: SourceLocation = #_sourceLocation
) {
    guard actual.shape == expected.shape else {
        Issue.record(
            "\(what): shape \(actual.shape), expected \(expected.shape)", sourceLocation: sourceLocation)
        return
    }
    let (a, e) = (actual.values, expected.values)
    let error = relativeError(a, e)
    guard !(error <= tolerance.relative) else { return }
    let worst = a.indices.max { badness(a[$0], e[$0]) < badness(a[$1], e[$1]) } ?? 0
    Issue.record(
        """
        \(what): relative error \(error) is above \(tolerance.relative) (\(tolerance.reason)); \
        worst at \(worst): \(a[worst]), expected \(e[worst])
        """, sourceLocation: sourceLocation)
}

private func badness(_ a: Float, _ b: Float) -> Float {
    let difference = abs(a - b)
    return difference.isNaN ? .infinity : difference
}
