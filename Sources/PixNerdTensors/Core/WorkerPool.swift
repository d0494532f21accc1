import CPixNerdKernels
import Foundation
import Synchronization

/// Threads that take part in loops, and stay awake for a moment after each: a step of a small model has hundreds of loops, and
/// waking a thread takes as long as many of them.
///
/// One loop at a time; whoever comes while one runs, a loop inside it among them, is told so and goes another way.
final class WorkerPool: Sendable {
    static let shared = WorkerPool()

    private let isBusy = Atomic(false)
    /// Threads that may still join the loop. A thread that joins late finds none and leaves the loop alone.
    private let openPlaces = Atomic(0)
    /// Threads that joined the loop and have left it.
    private let finished = Atomic(0)
    private let nextIndex = Atomic(0)
    private let sleepers = Atomic(0)
    private let callerSleeps = Atomic(false)
    private let threads = Atomic(0)
    /// Told when places open.
    private let lock = NSCondition()
    /// Told when a thread has left a loop whose caller sleeps.
    private let done = NSCondition()
    private let job = Job()

    /// What the loop does. Written by the caller before places open, read by threads that have joined.
    private final class Job: @unchecked Sendable {
        var body: (Int) -> Void = { _ in }
        var count = 0
    }

    private static let processors = ProcessInfo.processInfo.activeProcessorCount

    /// How often a thread looks whether what it waits for is there, before it sleeps: for some tens of microseconds. Where there
    /// are more threads than processors, whoever waits awake takes the time of whom he waits for.
    private static func looks(threads: Int) -> Int { threads > processors ? 0 : 2000 }

    /// Runs `body(0) ... body(count - 1)` on the calling thread and `helpers` others.
    ///
    /// - Returns: false where another loop runs; then nothing was done.
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

    /// Never inlined, so that nothing holds on to the body when this returns: it must not outlive the loop.
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
            // Signals are for the program's own threads.
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

    /// Joins the loop, where there is a place left.
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
