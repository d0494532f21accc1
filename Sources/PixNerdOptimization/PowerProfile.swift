import Foundation

/// The profile of an average of weights that follows a power of time: after T updates, the weights after update s count
/// in proportion to s^exponent (Karras et al., EDM2, arXiv 2312.02696, section 3).
///
/// The length of an average is the standard deviation of its profile, relative to T. Unlike an EMA with a fixed decay,
/// it covers the same share of a run at every step.
public struct PowerProfile: Sendable, Equatable {
    /// Lengths that averages may have. Above the upper limit the profile is no longer highest at the end.
    public static let lengths: ClosedRange<Double> = 0.001...0.28

    /// Number of updates that the average has followed, at least 1.
    public let updates: Int
    /// The exponent of the power.
    public let exponent: Double

    /// - Parameters:
    ///   - length: standard deviation relative to the number of updates, in `lengths`.
    ///   - updates: number of updates that the average has followed.
    public init(length: Double, updates: Int) {
        precondition(updates > 0, "PowerProfile: \(updates) updates")
        (self.updates, exponent) = (updates, Self.exponent(length: length))
    }

    /// The exponent whose profile has a length: the largest root of (g + 2)^2 (g + 3) = (g + 1) / length^2.
    public static func exponent(length: Double) -> Double {
        precondition(lengths.contains(length), "PowerProfile: a length of \(length)")
        let square = 1 / (length * length)
        // Newton's method from above the root, where the cubic is convex, falls until rounding stops it.
        var root = 1 / length
        while true {
            let value = ((root + 7) * root + 16 - square) * root + 12 - square
            let next = root - value / ((3 * root + 14) * root + 16 - square)
            guard next < root else { return root }
            root = next
        }
    }

    /// The share of the old average in the new one at an update, average <- decay average + (1 - decay) weights, which
    /// gives the average a profile of this length. The first update copies the weights.
    ///
    /// - Parameter update: number of the update, from 1.
    public static func decay(length: Double, update: Int) -> Double {
        pow(1 - 1 / Double(update), exponent(length: length) + 1)
    }

    /// The inner product of two profiles as functions of continuous time.
    public func product(_ other: PowerProfile) -> Double {
        let (early, late) = updates <= other.updates ? (self, other) : (other, self)
        let (low, high) = (Double(early.updates), Double(late.updates))
        return (exponent + 1) * (other.exponent + 1) / (exponent + other.exponent + 1)
            * pow(low / high, late.exponent) / high
    }
}
