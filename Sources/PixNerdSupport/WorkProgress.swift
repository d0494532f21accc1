/// How far long work has come: what a progress handler receives.
public struct WorkProgress: Sendable, Equatable {
    /// Steps done, those of earlier sessions included.
    public let done: Int
    /// Steps of the whole work.
    public let total: Int
    /// Steps that earlier sessions did, which do not count for the time left.
    public let first: Int
    /// More to show beside the numbers, such as the loss; fields are separated by two spaces, the most important first.
    public let details: String

    public init(done: Int, total: Int, first: Int = 0, details: String = "") {
        self.done = done
        self.total = total
        self.first = first
        self.details = details
    }
}

/// Receives the progress of long work, on the thread that does the work. Libraries of this package write nothing to the
/// terminal; a program decides what to show.
public typealias ProgressHandler = (WorkProgress) -> Void
