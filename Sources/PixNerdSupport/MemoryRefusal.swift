import Synchronization

/// The end of a process to which the system refuses memory in the middle of its work, where no error can be thrown.
public enum MemoryRefusal {
    private static let ending = Mutex<(@Sendable (_ error: PixNerdError) -> Never)?>(nil)

    /// Sets what ends the process; without it, it traps. For programs.
    ///
    /// - Parameter end: receives the error. It is called on any thread and may need little memory only.
    public static func endProgram(_ end: @escaping @Sendable (_ error: PixNerdError) -> Never) {
        ending.withLock { $0 = end }
    }

    /// Ends the process after `bytes` were refused.
    package static func end(bytes: Int) -> Never {
        let error = PixNerdError(
            .system, "The system", found: "refuses \(bytes >> 20) MB more of memory",
            advice: "take fewer or smaller images at once; what was saved before is kept")
        if let end = ending.withLock({ $0 }) { end(error) }
        fatalError(error.description)
    }
}
