import Foundation

/// What a program does at its start so that troubles with its streams become errors that it can handle.
public enum ProcessSignals {
    /// Ignores SIGPIPE and SIGXFSZ, so that writing to a closed pipe or beyond the limit of a file's size fails with an
    /// error instead of ending the process.
    public static func turnIntoErrors() {
        signal(SIGPIPE, SIG_IGN)
        signal(SIGXFSZ, SIG_IGN)
    }

    /// Fills the places of closed standard streams, which the next opened files would take. Messages would then be
    /// written into these files.
    public static func fillStandardStreams() {
        while true {
            // For reading only, so that writing to the stream still fails.
            let descriptor = open("/dev/null", O_RDONLY)
            guard (0...STDERR_FILENO).contains(descriptor) else {
                if descriptor > STDERR_FILENO { close(descriptor) }
                return
            }
        }
    }

    /// Whether the parent process has left a signal ignored, as nohup does with SIGHUP.
    public static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        guard sigaction(number, nil, &action) == 0 else { return false }
        return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
            == unsafeBitCast(SIG_IGN, to: Int.self)
    }
}
