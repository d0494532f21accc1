import Foundation

/// Something about a picture, or a folder of pictures, that a person has to know or put right.
///
/// The description is one sentence that names the file or the folder, what was found there and what was expected.
public struct ImageError: Error, LocalizedError, CustomStringConvertible, Sendable, Equatable {
    public let description: String

    public init(_ description: String) {
        self.description = description
    }

    public var errorDescription: String? { description }
}

/// The system's words for the current value of `errno`.
func systemReason() -> String {
    String(cString: strerror(errno))
}
