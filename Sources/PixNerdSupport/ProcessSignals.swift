import Foundation

/// Signals that a program ignores or finds ignored.
public enum ProcessSignals {
    /// Ignores SIGPIPE and SIGXFSZ, so that writing to a closed pipe or beyond the limit of a file's size fails with an
    /// error instead of ending the process.
    public static func turnIntoErrors() {
        signal(SIGPIPE, SIG_IGN)
        signal(SIGXFSZ, SIG_IGN)
    }

    /// Whether the parent process has left a signal ignored, as nohup does with SIGHUP.
    public static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        guard sigaction(number, nil, &action) == 0 else { return false }
        return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
            == unsafeBitCast(SIG_IGN, to: Int.self)
    }
}
