/// The progress of long work, as a progress handler receives it.
public struct WorkProgress: Sendable, Equatable {
    /// Steps done, including those of earlier sessions.
    public let done: Int
    /// Total number of steps.
    public let total: Int
    /// Steps done in earlier sessions, which do not count when estimating the time left.
    public let first: Int
    /// Further values to show, such as the loss: fields separated by two spaces, the most important first.
    public let details: String

    public init(done: Int, total: Int, first: Int = 0, details: String = "") {
        self.done = done
        self.total = total
        self.first = first
        self.details = details
    }
}

/// Receives the progress of long work, on the thread that does the work. The libraries of this package print nothing;
/// the program decides what to show.
public typealias ProgressHandler = (WorkProgress) -> Void
