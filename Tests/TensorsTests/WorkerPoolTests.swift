import Dispatch
import Foundation
import Synchronization
import Testing

@testable import PixNerdTensors

@Suite struct WorkerPoolTests {
    /// How often each index was taken.
    private func counts(_ count: Int, _ loop: (Int, (Int) -> Void) -> Void) -> [Int] {
        // Sound: counts are guarded.
        let taken = Mutex([Int](repeating: 0, count: count))
        loop(count) { index in taken.withLock { $0[index] += 1 } }
        return taken.withLock { $0 }
    }

    @Test func everyIndexIsTakenOnce() {
        let pool = WorkerPool()
        for round in 0..<2000 {
            let count = round % 37
            let taken = counts(count) { count, body in
                // More helpers than indices, and than processors, among them.
                let isRun = pool.run(count, helpers: 1 + round % 5, body)
                #expect(isRun)
            }
            #expect(taken == [Int](repeating: 1, count: count))
        }
    }

    /// Threads sleep after a while, and wake again.
    @Test func threadsThatSleepComeBack() {
        let pool = WorkerPool()
        for _ in 0..<20 {
            usleep(2000)
            // Long enough that the helper comes while it lasts.
            let threads = Mutex<Set<UInt>>([])
            let isRun = pool.run(40, helpers: 1) { _ in
                threads.withLock { _ = $0.insert(UInt(pthread_self())) }
                usleep(200)
            }
            #expect(isRun)
            #expect(threads.withLock { $0.count } == 2)
        }
    }

    /// Loops inside a loop, and loops of other threads, are computed all the same.
    @Test func loopsInLoopsAndBesideEachOther() {
        DispatchQueue.concurrentPerform(iterations: 6) { thread in
            for round in 0..<200 {
                let sums = Mutex(0)
                parallelFor(5) { outer in
                    parallelFor(7) { inner in sums.withLock { $0 += outer * 7 + inner } }
                }
                #expect(sums.withLock { $0 } == 35 * 34 / 2, "thread \(thread), round \(round)")
            }
        }
    }

    /// What a loop's body holds is let go of when the loop is over.
    @Test func bodiesDoNotOutliveTheirLoops() {
        final class Witness {}
        weak var seen: Witness?
        let pool = WorkerPool()
        for _ in 0..<200 {
            do {
                let witness = Witness()
                seen = witness
                let isRun = pool.run(8, helpers: 3) { _ in withExtendedLifetime(witness) {} }
                #expect(isRun)
            }
            #expect(seen == nil)
        }
    }
}
