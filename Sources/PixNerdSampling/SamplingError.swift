import Foundation

/// Something about sampled pictures that a person has to put right, in one sentence.
public struct SamplingError: Error, LocalizedError, CustomStringConvertible, Sendable {
    public let description: String

    init(_ description: String) { self.description = description }

    public var errorDescription: String? { description }
}
