/// What is wrong with a checkpoint file, in one sentence for a person.
public struct CheckpointError: Error, CustomStringConvertible, Sendable {
    public let description: String

    public init(_ description: String) { self.description = description }
}
