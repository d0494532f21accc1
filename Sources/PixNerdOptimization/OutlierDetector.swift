/// Tells steps whose gradient is far larger than usual, by the z-score of its norm among the last ones.
///
/// (llm.c skips updates by such a rule.) Part of a run's state, so that a resumed run decides as the uninterrupted one.
public struct OutlierDetector: Sendable, Codable, Equatable {
    /// How many standard deviations above the mean are too many; nil for no such check.
    public var threshold: Double?
    /// Steps that were skipped.
    public private(set) var skipped = 0
    private var norms: [Double] = []

    /// Norms that are remembered, and how many there must be before anything is skipped.
    private static let window = 128

    package enum CodingKeys: String, CodingKey { case skipped, norms }

    public init(threshold: Double?) { self.threshold = threshold }

    /// Takes the norm of a step's gradient.
    ///
    /// - Returns: whether the step should be skipped; its norm is then not remembered.
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
