import Foundation

/// Work that blocks a thread, such as loading a model or sampling: one piece after another on a thread of its own, so
/// that the server's threads stay free to answer.
struct BlockingWork: Sendable {
    private let queue: DispatchQueue

    init(label: String) { queue = DispatchQueue(label: "studio.\(label)") }

    func callAsFunction<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { continuation.resume(with: Swift.Result { try body() }) }
        }
    }
}
