import Foundation

/// An error about something from outside this package (a file, a setting, a checkpoint, the machine), with its parts kept
/// apart so that a program can react to them.
///
/// `description` joins the parts to one sentence: what the error is about, what was found there, what was expected, and
/// what to do. Settings in it are named as the Swift API names them; `sentence(naming:)` lets a program name them its way,
/// such as by its command-line options.
public struct PixNerdError: Error, LocalizedError, CustomStringConvertible, Sendable, Equatable, Codable {
    /// The class of an error, which decides what a program can do about it.
    public enum Kind: String, Sendable, Codable, CaseIterable {
        /// A file, folder or entry that is not there.
        case notFound
        /// A file or folder that would have to be overwritten without permission.
        case alreadyExists
        /// A failure of the operating system: no permission, no space, no memory.
        case system
        /// Data that are damaged, cut short or not of the expected format.
        case malformed
        /// Parts that are sound alone and do not fit together, such as a checkpoint and a configuration.
        case mismatch
        /// A setting or argument outside the range that is allowed.
        case invalidValue
        /// Something that this package cannot do, or cannot do on this machine.
        case unsupported
        /// Numbers that are not finite where finite ones are needed.
        case notFinite
    }

    public let kind: Kind
    /// What the error is about: a path, a configuration key, a tensor; nil where `found` says it.
    public let subject: ErrorText?
    /// What was found there.
    public let found: ErrorText
    /// What was expected instead.
    public let expected: ErrorText?
    /// What to do about it.
    public let advice: ErrorText?

    /// An error from its parts, none of which ends with a full stop.
    ///
    /// - Parameters:
    ///   - subject: a path, a key or a tensor. It begins the sentence; where it ends with a colon or a comma, so it stays.
    ///   - found: continues the sentence after the subject.
    ///   - expected: a noun phrase; the sentence says that it is expected.
    ///   - advice: an instruction.
    public init(
        _ kind: Kind, _ subject: ErrorText? = nil, found: ErrorText, expected: ErrorText? = nil,
        advice: ErrorText? = nil
    ) {
        self.kind = kind
        self.subject = subject
        self.found = found
        self.expected = expected
        self.advice = advice
    }

    public var description: String { sentence { $0.rawValue } }

    public var errorDescription: String? { description }

    /// The error as one sentence for a person.
    ///
    /// - Parameter name: what the program calls a setting, such as `--overwrite` for `.overwrite`.
    public func sentence(naming name: (Setting) -> String) -> String {
        var text = [subject, found].compactMap { $0?.text(naming: name) }.joined(separator: " ")
        if let expected { text += "; expected \(expected.text(naming: name))" }
        if let advice { text += "; \(advice.text(naming: name))" }
        return printable(text + ".")
    }
}

/// A setting that error messages refer to, by the name that it has in the Swift API.
public struct Setting: RawRepresentable, Hashable, Sendable, Codable {
    public let rawValue: String

    public init(rawValue: String) { self.rawValue = rawValue }
}

/// A part of an error message: text in which settings are named by reference.
public struct ErrorText: Sendable, Equatable, Codable, ExpressibleByStringInterpolation {
    fileprivate enum Part: Sendable, Equatable, Codable {
        case text(String)
        case setting(Setting)
    }

    private var parts: [Part]

    public init(_ text: String) { parts = [.text(text)] }

    public init(stringLiteral text: String) { self.init(text) }

    public init(stringInterpolation interpolation: Interpolation) { parts = interpolation.parts }

    /// The text with each setting under the name that `name` gives it.
    public func text(naming name: (Setting) -> String) -> String {
        parts.map { part in
            switch part {
            case .text(let text): text
            case .setting(let setting): name(setting)
            }
        }.joined()
    }

    public static func + (a: ErrorText, b: ErrorText) -> ErrorText {
        var both = a
        both.parts += b.parts
        return both
    }

    public struct Interpolation: StringInterpolationProtocol {
        fileprivate var parts: [Part] = []

        public init(literalCapacity: Int, interpolationCount: Int) {}

        public mutating func appendLiteral(_ literal: String) { parts.append(.text(literal)) }

        public mutating func appendInterpolation(_ setting: Setting) { parts.append(.setting(setting)) }

        public mutating func appendInterpolation(_ text: ErrorText) { parts += text.parts }

        public mutating func appendInterpolation(_ value: some CustomStringConvertible) {
            parts.append(.text(value.description))
        }

        public mutating func appendInterpolation(_ value: some Any) { parts.append(.text("\(value)")) }
    }
}
