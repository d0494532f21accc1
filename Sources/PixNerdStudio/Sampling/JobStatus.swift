import Synchronization

/// A sampling job as the page shows it.
struct JobStatus: Encodable, Sendable {
    enum State: String, Encodable, Sendable {
        case waiting, running, done, cancelled, failed

        var isOver: Bool { self == .done || self == .cancelled || self == .failed }
    }

    let id: String
    var state = State.waiting
    let request: SampleRequest
    /// Seconds since 1970.
    let created: Double
    /// Number of finished steps of all batches.
    var done = 0
    var total = 0
    let count: Int
    /// Names of the pictures in the gallery, in the order of prompts and seeds; empty until the job is done.
    var pictures: [String] = []
    var error: String?
    var warnings: [String]
    /// Place in the queue, 0 for the job that runs; nil if it is over.
    var place: Int?
}

/// A wish to end a job, from any thread.
final class Cancellation: Sendable {
    private let isWished = Atomic<Bool>(false)

    func cancel() { isWished.store(true, ordering: .relaxed) }
    var isCancelled: Bool { isWished.load(ordering: .relaxed) }
}
