import Foundation
import PixNerdSupport
import Synchronization

/// A request to stop by Ctrl-C, SIGTERM, SIGHUP when a terminal closes, or SIGUSR1, which mpirun forwards to all
/// processes. The first signal asks the command to end when it can; the second kills it, unless it is SIGHUP.
package enum Interruption {
    private static let requested = Atomic<Bool>(false)
    private static let saveRequested = Atomic<Bool>(false)

    /// Installs the signal handlers.
    ///
    /// - Returns: a closure that tells whether a signal has arrived.
    package static func watch() -> @Sendable () -> Bool {
        var watched = sigset_t()
        sigemptyset(&watched)
        for number in [SIGINT, SIGTERM, SIGUSR1] {
            sigaddset(&watched, number)
            // The first signal restores the default action, so that the second one kills.
            signal(number) { number in
                signal(number, SIG_DFL)
                Interruption.requested.store(true, ordering: .relaxed)
            }
        }
        // nohup has it ignored. A terminal that closes sends it more than once, so that it never kills.
        if !ProcessSignals.isIgnored(SIGHUP) {
            sigaddset(&watched, SIGHUP)
            signal(SIGHUP) { _ in Interruption.requested.store(true, ordering: .relaxed) }
        }
        // The parent process may have left them blocked.
        pthread_sigmask(SIG_UNBLOCK, &watched, nil)
        return { requested.load(ordering: .relaxed) }
    }

    /// Installs the handler of SIGUSR2, which asks a training to save.
    ///
    /// - Returns: a closure that tells, once for each signal, whether one has arrived.
    static func watchSaves() -> @Sendable () -> Bool {
        signal(SIGUSR2) { _ in Interruption.saveRequested.store(true, ordering: .relaxed) }
        // The parent process may have left it blocked.
        var watched = sigset_t()
        sigemptyset(&watched)
        sigaddset(&watched, SIGUSR2)
        pthread_sigmask(SIG_UNBLOCK, &watched, nil)
        return { saveRequested.exchange(false, ordering: .relaxed) }
    }
}
