import Foundation

/// An error about something outside this package (a file, a setting, a checkpoint, the machine), in separate parts that
/// a program can react to.
///
/// `description` joins the parts into one sentence: the subject, what was found, what was expected, and what to do.
/// Settings have the names of the Swift API there. With `sentence(naming:)` a program gives them its own names, such as
/// command-line options.
public struct PixNerdError: Error, LocalizedError, CustomStringConvertible, Sendable, Equatable, Codable {
    /// The category of an error, which decides what a program can do about it.
    public enum Kind: String, Sendable, Codable, CaseIterable {
        /// A file, folder or entry that does not exist.
        case notFound
        /// A file or folder that would have to be overwritten without permission.
        case alreadyExists
        /// A failure of the operating system: no permission, no space, no memory.
        case system
        /// Data that is damaged, cut short or not in the expected format.
        case malformed
        /// Parts that are valid by themselves but do not fit together, such as a checkpoint and a configuration.
        case mismatch
        /// A setting or argument outside its allowed range.
        case invalidValue
        /// A feature that this package does not support, or not on this machine.
        case unsupported
        /// Infinite or NaN values where finite numbers are needed.
        case notFinite
    }

    public let kind: Kind
    /// What the error is about: a path, a configuration key, a tensor; nil if `found` says it.
    public let subject: ErrorText?
    /// What was found there.
    public let found: ErrorText
    /// What was expected instead.
    public let expected: ErrorText?
    /// What to do about it.
    public let advice: ErrorText?

    /// Creates an error from its parts, none of which ends with a full stop.
    ///
    /// - Parameters:
    ///   - subject: a path, a key or a tensor. It begins the sentence; a colon or comma at its end is kept.
    ///   - found: continues the sentence after the subject.
    ///   - expected: a noun phrase, which the sentence puts after "expected".
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

    /// The error as one sentence.
    ///
    /// - Parameter name: returns the program's name of a setting, such as `--overwrite` for `.overwrite`.
    public func sentence(naming name: (Setting) -> String) -> String {
        var text = [subject, found].compactMap { $0?.text(naming: name) }.joined(separator: " ")
        if let expected { text += "; expected \(expected.text(naming: name))" }
        if let advice { text += "; \(advice.text(naming: name))" }
        return printable(text.hasSuffix("?") ? text : text + ".")
    }
}

/// A setting that error messages refer to, by its name in the Swift API.
public struct Setting: RawRepresentable, Hashable, Sendable, Codable {
    public let rawValue: String

    public init(rawValue: String) { self.rawValue = rawValue }
}

/// A part of an error message: text that may refer to settings.
public struct ErrorText: Sendable, Equatable, Codable, ExpressibleByStringInterpolation {
    fileprivate enum Part: Sendable, Equatable, Codable {
        case text(String)
        case setting(Setting)
    }

    private var parts: [Part]

    public init(_ text: String) { parts = [.text(text)] }

    public init(stringLiteral text: String) { self.init(text) }

    public init(stringInterpolation interpolation: Interpolation) { parts = interpolation.parts }

    /// The text, with each setting replaced by the name that `name` returns for it.
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
