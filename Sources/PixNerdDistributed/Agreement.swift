import Foundation
import PixNerdSupport

/// What ends the work of all processes; each of them knows it, so that one alone has to say it.
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
    /// Runs `body` on every process; where it fails on one, all of them end.
    ///
    /// - Throws: `SharedError` with the reason of the lowest rank that has one, and with its name where that is neither rank
    ///   0 nor all of them; of a process alone, what `body` throws.
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

    /// Checks that every process has the same of something as rank 0.
    ///
    /// - Parameters:
    ///   - what: such as "program", for the message.
    ///   - difference: says in what the value of rank 0 and this one's differ.
    /// - Throws: `SharedError` that names the first process that has another one.
    public func expectSame(
        _ what: String, _ value: String, advice: String, difference: (_ root: String) throws -> String = { _ in "" }
    ) throws {
        let root = String(decoding: broadcast { Data(value.utf8) }, as: UTF8.self)
        try agree {
            guard root != value else { return }
            let details = try difference(root)
            throw LaunchError("another \(what) than rank 0 has\(details.isEmpty ? "" : " (\(details))"); \(advice).")
        }
    }
}
