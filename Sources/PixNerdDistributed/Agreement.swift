import Foundation
import PixNerdSupport

/// An error that ends the work of all processes. Each of them throws it, so only one has to report it.
public struct SharedError: Error, CustomStringConvertible, Sendable {
    /// Whose reason it is, where that is neither rank 0 nor all of them.
    private let origin: String
    private let reason: Reason

    private enum Reason: Codable, Sendable {
        case text(String)
        case error(PixNerdError)
    }

    public init(_ description: String) { (origin, reason) = ("", .text(description)) }

    /// An error as one process sends it to the others.
    static func encoded(_ error: any Error) -> String {
        let reason: Reason = (error as? PixNerdError).map { .error($0) } ?? .text("\(error)")
        // Texts that are kept in parts cannot fail.
        return (try? JSON.text(reason)) ?? "\(error)"
    }

    init(origin: String, encoded: String) {
        self.origin = origin
        reason = JSON.value(Reason.self, from: encoded) ?? .text(encoded)
    }

    public var description: String { sentence { $0.rawValue } }

    /// The reason as one sentence for a person.
    ///
    /// - Parameter name: What the program calls a setting, such as `--overwrite` for `.overwrite`.
    public func sentence(naming name: (Setting) -> String) -> String {
        switch reason {
        case .text(let text): origin + text
        case .error(let error): origin + error.sentence(naming: name)
        }
    }
}

extension Communicator {
    /// Runs `body` on every process. If it fails on one, all of them throw.
    ///
    /// - Throws: `SharedError` with the reason of the lowest rank that failed, preceded by the name of this rank unless
    ///   it is rank 0. A process without others throws the error of `body` itself.
    public func agree<R>(_ body: () throws -> R) throws -> R {
        guard size > 1 else { return try body() }
        let result = Result(catching: body)
        var reason = ""
        if case .failure(let error) = result { reason = SharedError.encoded(error) }
        let reasons = gather(text: reason)
        guard let first = reasons.firstIndex(where: { !$0.isEmpty }) else { return try result.get() }
        throw SharedError(
            origin: first == 0 ? "" : "rank \(first) on \(hosts[first]): ", encoded: reasons[first])
    }

    /// Checks that a value is the same on every process as on rank 0.
    ///
    /// - Parameters:
    ///   - what: what the value describes, such as "program", for the message.
    ///   - value: the value of this process.
    ///   - advice: what to do about a difference, for the message.
    ///   - difference: describes how the value of rank 0 differs from this one.
    /// - Throws: `SharedError` naming the first process that has another value.
    public func expectSame(
        _ what: String, _ value: String, advice: String, difference: (_ root: String) throws -> String = { _ in "" }
    ) throws {
        let root = String(decoding: broadcast { Data(value.utf8) }, as: UTF8.self)
        try agree {
            guard root != value else { return }
            let details = try difference(root)
            throw PixNerdError(
                .mismatch, found: "another \(what) than rank 0 has\(details.isEmpty ? "" : " (\(details))")",
                advice: "\(advice)")
        }
    }
}
