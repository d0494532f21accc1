/// A kind of number that a model may be told for each image besides its time and condition.
public enum ModelNumber: String, Sendable, Codable, CaseIterable {
    /// The length q - t of the interval whose mean velocity is asked for; 0 for the velocity at t.
    case interval
    /// The guidance scale of a model that computes guided velocity by itself; 1 is no guidance.
    case strength
    /// The base 2 logarithms of the pixels decoded for each pixel of the training size, along height and width.
    case density
    /// The nine numbers of an augmentation, zeros for none (Karras et al., arXiv 2206.00364, appendix F.2).
    case augmentation

    /// Numbers for each image.
    public var width: Int {
        switch self {
        case .interval, .strength: 1
        case .density: 2
        case .augmentation: 9
        }
    }
}

/// The numbers that a model is told for each image of a batch, by kind.
public struct ModelNumbers: Sendable, Hashable {
    /// Rows of `ModelNumber.width` numbers, one per image, by kind.
    private var values: [ModelNumber: [[Float]]] = [:]

    /// Numbers of the given kinds; nil where a kind is not told.
    ///
    /// - Precondition: all kinds have as many images.
    public init(
        interval: [Float]? = nil, strength: [Float]? = nil, density: [[Float]]? = nil, augmentation: [[Float]]? = nil
    ) {
        values[.interval] = interval?.map { [$0] }
        values[.strength] = strength?.map { [$0] }
        values[.density] = density
        values[.augmentation] = augmentation
        check()
    }

    /// The rows of a kind, one per image; nil if it is not told.
    public subscript(kind: ModelNumber) -> [[Float]]? { values[kind] }

    /// The kinds that are told.
    public var kinds: [ModelNumber] { ModelNumber.allCases.filter { values[$0] != nil } }

    /// Number of images; nil if nothing is told.
    var count: Int? { values.first?.value.count }

    /// The numbers of some of the images.
    package func rows(_ range: Range<Int>) -> ModelNumbers {
        var part = self
        part.values = values.mapValues { Array($0[range]) }
        return part
    }

    /// These numbers followed by those of other images.
    ///
    /// - Precondition: the other numbers are of the same kinds.
    func joined(with other: ModelNumbers) -> ModelNumbers {
        precondition(kinds == other.kinds, "ModelNumbers: \(kinds) cannot be joined with \(other.kinds)")
        var all = self
        all.values.merge(other.values, uniquingKeysWith: +)
        return all
    }

    /// The numbers of some kinds only.
    func only(_ kinds: [ModelNumber]) -> ModelNumbers {
        var part = self
        part.values = values.filter { kinds.contains($0.key) }
        return part
    }

    /// These numbers and those of another value for the same images, which replace numbers of the same kind.
    func merged(with other: ModelNumbers) -> ModelNumbers {
        var all = self
        all.values.merge(other.values) { _, new in new }
        all.check()
        return all
    }

    private func check() {
        precondition(
            values.allSatisfy { kind, rows in
                rows.count == count && rows.allSatisfy { $0.count == kind.width }
            }, "ModelNumbers: \(values) are not rows of the right width for as many images of each kind")
    }
}

/// A condition with numbers that a model is told besides it.
///
/// Denoisers that take the inner kind of condition take this one too, and read its numbers with `Condition.numbers`.
public struct NumberedCondition: Condition {
    /// The condition without the numbers.
    public let base: any Condition
    public let numbers: ModelNumbers

    /// - Precondition: the numbers are of as many images as the condition.
    fileprivate init(base: any Condition, numbers: ModelNumbers) {
        precondition(
            numbers.count == nil || numbers.count == base.count,
            "NumberedCondition: numbers of \(numbers.count ?? 0) images for \(base.count) conditions")
        self.base = base
        self.numbers = numbers
    }

    public var count: Int { base.count }

    /// No condition, with the numbers as they are.
    public var unconditional: NumberedCondition { NumberedCondition(base: base.unconditional, numbers: numbers) }

    public func rows(_ range: Range<Int>) -> NumberedCondition {
        NumberedCondition(base: base.rows(range), numbers: numbers.rows(range))
    }

    public func joined(with other: any Condition) -> NumberedCondition {
        NumberedCondition(base: base.joined(with: other.withoutNumbers), numbers: numbers.joined(with: other.numbers))
    }
}

extension Condition {
    /// This condition without numbers.
    var withoutNumbers: any Condition { (self as? NumberedCondition)?.base ?? self }

    /// The numbers that come with this condition; none unless it is a `NumberedCondition`.
    public var numbers: ModelNumbers { (self as? NumberedCondition)?.numbers ?? ModelNumbers() }

    /// This condition with numbers, which join those that it has already.
    public func telling(_ numbers: ModelNumbers) -> NumberedCondition {
        NumberedCondition(base: withoutNumbers, numbers: self.numbers.merged(with: numbers))
    }

    /// This condition with those of its numbers that are of some kinds.
    package func telling(only kinds: [ModelNumber]) -> NumberedCondition {
        NumberedCondition(base: withoutNumbers, numbers: numbers.only(kinds))
    }

    /// The entries of some of the images, in any order.
    ///
    /// - Precondition: there is at least one.
    func rows(at places: [Int]) -> any Condition {
        precondition(!places.isEmpty, "Condition: no rows")
        func row(_ place: Int) -> any Condition { rows(place..<place + 1) }
        return places.dropFirst().reduce(row(places[0])) { $0.joined(with: row($1)) }
    }
}
