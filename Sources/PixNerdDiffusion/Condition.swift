/// What a batch of images is conditioned on, such as their classes: one entry per image.
///
/// Guidance and samplers treat every kind alike; only the denoiser that declares a kind looks inside.
public protocol Condition: Sendable {
    /// Number of images.
    var count: Int { get }

    /// The entries of some of the images.
    func rows(_ range: Range<Int>) -> Self

    /// These entries followed by those of another condition.
    ///
    /// - Precondition: both are of the same kind.
    func joined(with other: any Condition) -> Self
}

extension Condition {
    /// This condition as the kind that a denoiser takes.
    ///
    /// - Precondition: it is of that kind. What loads a denoiser pairs it with the `Conditioner` that makes its kind.
    public func expect<Kind: Condition>(_ kind: Kind.Type, by user: String) -> Kind {
        guard let condition = self as? Kind else {
            preconditionFailure("\(user): the condition is a \(Self.self), not a \(kind)")
        }
        return condition
    }
}

/// Class labels as a condition. The label after the last class means "no class" (unconditional).
public struct ClassCondition: Condition, Equatable {
    /// One label per image, in 0 ... number of classes.
    public let labels: [Int]

    public init(_ labels: [Int]) { self.labels = labels }

    public var count: Int { labels.count }

    public func rows(_ range: Range<Int>) -> ClassCondition { ClassCondition(Array(labels[range])) }

    public func joined(with other: any Condition) -> ClassCondition {
        ClassCondition(labels + other.expect(ClassCondition.self, by: "ClassCondition").labels)
    }
}
