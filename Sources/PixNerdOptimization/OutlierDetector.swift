/// Detects steps whose gradient is far larger than usual, by the z-score of its norm among the most recent ones.
///
/// (llm.c skips updates by such a rule.) It is part of a run's state, so that a resumed run decides as an uninterrupted
/// one would.
public struct OutlierDetector: Sendable, Codable, Equatable {
    /// Number of standard deviations above the mean from which a step is skipped; nil for no such check.
    public var threshold: Double?
    /// Number of skipped steps.
    public private(set) var skipped = 0
    package private(set) var norms: [Double] = []

    /// Number of norms that are kept. Nothing is skipped before there are this many.
    package static let window = 128

    package enum CodingKeys: String, CodingKey { case skipped, norms }

    public init(threshold: Double?) { self.threshold = threshold }

    /// Decides whether to skip a step, and records its norm if not.
    ///
    /// - Parameter norm: the norm of the step's gradient.
    /// - Returns: whether the step should be skipped.
    public mutating func isOutlier(_ norm: Double) -> Bool {
        guard let threshold else { return false }
        if norms.count == Self.window {
            let mean = norms.reduce(0, +) / Double(norms.count)
            let variance = norms.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(norms.count)
            if norm - mean > threshold * variance.squareRoot() {
                skipped += 1
                return true
            }
            norms.removeFirst()
        }
        norms.append(norm)
        return false
    }
}
