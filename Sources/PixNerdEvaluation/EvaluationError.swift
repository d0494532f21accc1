/// Something that cannot be measured, in one sentence for a person.
public struct EvaluationError: Error, CustomStringConvertible, Sendable {
    public let description: String

    public init(_ description: String) { self.description = description }
}
