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
    /// This condition as the kind that a denoiser takes, without the numbers and pictures that may come with it.
    ///
    /// - Precondition: this condition is of that kind. Loading a denoiser pairs it with a `Conditioner` of its kind.
    public func expect<Kind: Condition>(_ kind: Kind.Type, by user: String) -> Kind {
        guard let condition = plain as? Kind else {
            preconditionFailure("\(user): the condition is a \(type(of: plain)), not a \(kind)")
        }
        return condition
    }

    /// This condition as one of a kind without numbers and pictures, to be joined to others of that kind.
    ///
    /// - Precondition: it comes without numbers and pictures, which those that it is joined to lack.
    func expectPlain<Kind: Condition>(_ kind: Kind.Type) -> Kind {
        precondition(numbers.kinds.isEmpty, "\(kind): the numbers \(numbers.kinds) of a joined condition would be lost")
        precondition(pictures == nil, "\(kind): the pictures of a joined condition would be lost")
        return expect(kind, by: "\(kind)")
    }
}

/// Class labels as a condition, and the values that may come with them.
public struct ClassCondition: Condition, Equatable {
    /// The labels of each image, from 0: one, several, or none at all. Nil, or the number of classes as in published
    /// files, means "no condition".
    public let labels: [[Int]?]
    /// The numbers of each image that a model is told besides its classes, standardised; nil for one that it is not
    /// told. A row may be empty, which tells nothing.
    public let values: [[Float?]]

    /// - Precondition: there are as many rows of values as of labels.
    public init(labels: [[Int]?], values: [[Float?]]) {
        precondition(
            labels.count == values.count, "ClassCondition: \(values.count) rows of values for \(labels.count) images")
        (self.labels, self.values) = (labels, values)
    }

    /// One label per image, without values.
    public init(_ labels: [Int?]) {
        self.init(labels: labels.map { $0.map { [$0] } }, values: labels.map { _ in [] })
    }

    public var count: Int { labels.count }

    public var unconditional: ClassCondition { ClassCondition(labels.map { _ in nil }) }

    /// The rows of a table of embeddings that has a row for "no condition" after those of the classes.
    public func rows(ofTableFor classes: Int) -> [[Int]] { labels.map { $0 ?? [classes] } }

    public func rows(_ range: Range<Int>) -> ClassCondition {
        ClassCondition(labels: Array(labels[range]), values: Array(values[range]))
    }

    public func joined(with other: any Condition) -> ClassCondition {
        let other = other.expectPlain(ClassCondition.self)
        return ClassCondition(labels: labels + other.labels, values: values + other.values)
    }
}
