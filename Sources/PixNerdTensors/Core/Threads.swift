import Dispatch
import Foundation
import Synchronization

/// The number of threads that operators use.
public enum Threads {
    private static let configured = Atomic<Int>(0)

    /// Number of threads; all processors unless set. Results are bit-reproducible for a fixed number.
    public static var count: Int {
        get {
            let value = configured.load(ordering: .relaxed)
            return value > 0 ? value : ProcessInfo.processInfo.activeProcessorCount
        }
        set {
            precondition(newValue > 0, "Threads.count: \(newValue) is not positive")
            configured.store(newValue, ordering: .relaxed)
        }
    }
}

/// Runs `body(0) ... body(count - 1)` on all threads and returns when all calls are done.
///
/// Any thread may take any index, so each index must write to its own memory. Sums over indices are then added up in
/// index order by the caller.
package func parallelFor(_ count: Int, _ body: (Int) -> Void) {
    let workers = min(Threads.count, count)
    guard workers > 1 else {
        for index in 0..<count { body(index) }
        return
    }
    guard !WorkerPool.shared.run(count, helpers: workers - 1, body) else { return }
    // Inside another loop, or while another thread runs one.
    let next = Atomic<Int>(0)
    withoutActuallyEscaping(body) { body in
        // Safe: concurrentPerform returns only after every call of the closure has.
        nonisolated(unsafe) let body = body
        DispatchQueue.concurrentPerform(iterations: workers) { _ in
            while true {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard index < count else { return }
                body(index)
            }
        }
    }
}

/// Splits 0 ..< count into chunks of `size` and runs `body` on each, on all threads.
package func parallelChunks(_ count: Int, of size: Int, _ body: (Range<Int>) -> Void) {
    let chunk = max(size, 1)
    parallelFor((count + chunk - 1) / chunk) { index in
        body(index * chunk..<min(count, (index + 1) * chunk))
    }
}

/// The results of `body(0) ... body(count - 1)`, computed on all threads.
package func parallelMap<R: Sendable>(_ count: Int, _ body: (Int) -> R) -> [R] {
    [R](unsafeUninitializedCapacity: count) { results, initialized in
        // Safe: each index writes only its own element.
        nonisolated(unsafe) let results = results
        parallelFor(count) { (results.baseAddress! + $0).initialize(to: body($0)) }
        initialized = count
    }
}

/// Elements per chunk of an elementwise pass over memory: 64 KiB of floats.
let elementsPerChunk = 1 << 14
