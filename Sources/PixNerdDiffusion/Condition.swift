/// The condition of a batch of images, such as their classes: one entry per image.
///
/// Guidance and samplers treat every kind of condition alike; only the denoiser that takes a kind looks inside.
public protocol Condition: Sendable {
    /// Number of images.
    var count: Int { get }

    /// As many entries, all of which stand for "no condition".
    var unconditional: Self { get }

    /// The entries of some of the images.
    func rows(_ range: Range<Int>) -> Self

    /// These entries followed by those of another condition.
    ///
    /// - Precondition: the other condition is of the same kind.
    func joined(with other: any Condition) -> Self
}

extension Condition {
    /// This condition as the kind that a denoiser takes, without the numbers that may come with it.
    ///
    /// - Precondition: this condition is of that kind. Loading a denoiser pairs it with a `Conditioner` of its kind.
    public func expect<Kind: Condition>(_ kind: Kind.Type, by user: String) -> Kind {
        guard let condition = withoutNumbers as? Kind else {
            preconditionFailure("\(user): the condition is a \(type(of: withoutNumbers)), not a \(kind)")
        }
        return condition
    }

    /// This condition as one of a kind without numbers, to be joined to others of that kind.
    ///
    /// - Precondition: it comes without numbers, which those that it is joined to lack.
    func expectPlain<Kind: Condition>(_ kind: Kind.Type) -> Kind {
        precondition(numbers.kinds.isEmpty, "\(kind): the numbers \(numbers.kinds) of a joined condition would be lost")
        return expect(kind, by: "\(kind)")
    }
}

/// Class labels as a condition.
public struct ClassCondition: Condition, Equatable {
    /// One label per image, from 0; nil, or the number of classes as in published files, means "no class".
    public let labels: [Int?]

    public init(_ labels: [Int?]) { self.labels = labels }

    public var count: Int { labels.count }

    public var unconditional: ClassCondition { ClassCondition(labels.map { _ in nil }) }

    /// The rows of a table of embeddings that has a row for "no class" after those of the classes.
    public func rows(ofTableFor classes: Int) -> [Int] { labels.map { $0 ?? classes } }

    public func rows(_ range: Range<Int>) -> ClassCondition { ClassCondition(Array(labels[range])) }

    public func joined(with other: any Condition) -> ClassCondition {
        ClassCondition(labels + other.expectPlain(ClassCondition.self).labels)
    }
}
