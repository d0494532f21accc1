import Foundation
import Synchronization

/// Ctrl-C, SIGTERM, and SIGUSR1, which mpirun hands on to all processes: the first asks the work to end when it can, the second ends it at once.
enum Interruption {
    private static let requested = Atomic<Bool>(false)

    /// Begins to watch for signals.
    ///
    /// - Returns: says whether one has come.
    static func watch() -> () -> Bool {
        var watched = sigset_t()
        sigemptyset(&watched)
        for number in [SIGINT, SIGTERM, SIGUSR1] {
            sigaddset(&watched, number)
            // The default action comes back with the first signal, so that the second one kills.
            signal(number) { number in
                signal(number, SIG_DFL)
                Interruption.requested.store(true, ordering: .relaxed)
            }
        }
        // Whoever started the program may have left them blocked.
        pthread_sigmask(SIG_UNBLOCK, &watched, nil)
        return { requested.load(ordering: .relaxed) }
    }
}
