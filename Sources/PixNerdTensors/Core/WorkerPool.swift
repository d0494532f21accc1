import CPixNerdKernels
import Foundation
import Synchronization

/// Worker threads that share loops and stay awake for a moment after each. A training step of a small model has
/// hundreds of loops, and waking a thread takes as long as many of them.
///
/// The pool runs one loop at a time. A caller that comes while one is running, for example from inside it, is refused
/// and must run its loop another way.
final class WorkerPool: Sendable {
    static let shared = WorkerPool()

    private let isBusy = Atomic(false)
    /// Number of threads that may still join the loop. A thread that comes late finds zero and leaves the loop alone.
    private let openPlaces = Atomic(0)
    /// Number of threads that have joined and left the loop.
    private let finished = Atomic(0)
    private let nextIndex = Atomic(0)
    private let sleepers = Atomic(0)
    private let callerSleeps = Atomic(false)
    private let threads = Atomic(0)
    /// Signaled when a loop opens for threads.
    private let lock = NSCondition()
    /// Signaled when a thread has left a loop whose caller sleeps.
    private let done = NSCondition()
    private let job = Job()

    /// The work of the loop. The caller writes it before the loop opens; threads that have joined read it.
    private final class Job: @unchecked Sendable {
        var body: (Int) -> Void = { _ in }
        var count = 0
    }

    private static let processors = ProcessInfo.processInfo.activeProcessorCount

    /// How often a thread polls before it sleeps: for some tens of microseconds. With more threads than processors it
    /// does not poll, because it would take time from the thread that it waits for.
    private static func looks(threads: Int) -> Int { threads > processors ? 0 : 2000 }

    /// Runs `body(0) ... body(count - 1)` on the calling thread and `helpers` others.
    ///
    /// - Returns: false, without having done anything, if another loop is running.
    func run(_ count: Int, helpers: Int, _ body: (Int) -> Void) -> Bool {
        guard isBusy.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged else {
            return false
        }
        defer { isBusy.store(false, ordering: .releasing) }
        while threads.load(ordering: .relaxed) < helpers { startThread() }
        let looks = Self.looks(threads: helpers + 1)
        withoutActuallyEscaping(body) { body in
            (job.body, job.count) = (body, count)
            nextIndex.store(0, ordering: .relaxed)
            finished.store(0, ordering: .relaxed)
            openPlaces.store(helpers, ordering: .sequentiallyConsistent)
            if sleepers.load(ordering: .sequentiallyConsistent) > 0 {
                lock.lock()
                lock.broadcast()
                lock.unlock()
            }
            takeIndices()
            let joined = helpers - openPlaces.exchange(0, ordering: .sequentiallyConsistent)
            wait(for: joined, looks: looks)
            job.body = { _ in }
        }
        return true
    }

    /// Never inlined, so that nothing retains the body after this returns: it must not outlive the loop.
    @inline(never)
    private func takeIndices() {
        let (body, count) = (job.body, job.count)
        while true {
            let index = nextIndex.wrappingAdd(1, ordering: .relaxed).oldValue
            guard index < count else { return }
            body(index)
        }
    }

    /// Waits until all threads that joined the loop have left it.
    private func wait(for joined: Int, looks: Int) {
        for _ in 0..<looks {
            if finished.load(ordering: .acquiring) == joined { return }
            pn_pause()
        }
        done.lock()
        callerSleeps.store(true, ordering: .sequentiallyConsistent)
        while finished.load(ordering: .sequentiallyConsistent) != joined { done.wait() }
        callerSleeps.store(false, ordering: .sequentiallyConsistent)
        done.unlock()
    }

    private func startThread() {
        threads.wrappingAdd(1, ordering: .relaxed)
        let thread = Thread { [self] in
            // Signals are handled by the program's own threads.
            var all = sigset_t()
            sigfillset(&all)
            pthread_sigmask(SIG_BLOCK, &all, nil)
            while true {
                waitForPlaces()
                work()
            }
        }
        thread.name = "pixnerd worker"
        thread.start()
    }

    private func waitForPlaces() {
        for _ in 0..<Self.looks(threads: threads.load(ordering: .relaxed) + 1) {
            if openPlaces.load(ordering: .relaxed) > 0 { return }
            pn_pause()
        }
        lock.lock()
        sleepers.wrappingAdd(1, ordering: .sequentiallyConsistent)
        while openPlaces.load(ordering: .sequentiallyConsistent) == 0 { lock.wait() }
        sleepers.wrappingSubtract(1, ordering: .sequentiallyConsistent)
        lock.unlock()
    }

    /// Joins the loop if it is still open.
    private func work() {
        var places = openPlaces.load(ordering: .relaxed)
        while places > 0 {
            let (joined, now) = openPlaces.weakCompareExchange(
                expected: places, desired: places - 1, ordering: .acquiringAndReleasing)
            guard joined else {
                places = now
                continue
            }
            takeIndices()
            finished.wrappingAdd(1, ordering: .sequentiallyConsistent)
            guard callerSleeps.load(ordering: .sequentiallyConsistent) else { return }
            done.lock()
            done.signal()
            done.unlock()
            return
        }
    }
}
