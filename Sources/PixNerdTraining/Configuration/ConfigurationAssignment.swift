import Foundation
import PixNerdSupport
import Yams

/// A configuration value as given in a file or an override, and its origin.
package struct ConfigurationAssignment: Sendable {
    /// The form of a value.
    package enum Form: Sendable {
        case text
        case list
        /// A key without a value, with null, or with an empty section.
        case nothing
    }

    /// The key with its section, such as `training.steps`.
    package var key: String
    package private(set) var text: String
    /// Origin for messages: file and line, such as "configs/a.yaml:12", or the setting `overrides`.
    package let place: ErrorText
    package private(set) var form: Form

    private static let overridePlace: ErrorText = "\(Setting.overrides)"

    /// Whether the value overrides a file.
    var isOverride: Bool { place == Self.overridePlace }

    /// Parses an override of the form `key=value`.
    ///
    /// - Throws: `PixNerdError` if there is no equals sign.
    package init(setting: String) throws {
        guard let sign = setting.firstIndex(of: "=") else {
            throw PixNerdError(
                .invalidValue, "\(Setting.overrides) \(setting)", found: "has no equals sign",
                expected: "key=value, such as training.steps=500")
        }
        self.init(
            key: String(setting[..<sign]), text: String(setting[setting.index(after: sign)...]),
            place: Self.overridePlace)
    }

    package init(key: String, text: String, place: ErrorText, form: Form = .text) {
        (self.key, self.text, self.place, self.form) = (key, text, place, form)
    }

    /// The assignment with `section` removed from the front of its key; nil if the key is not in that section.
    package func inside(_ section: String) -> ConfigurationAssignment? {
        guard key.hasPrefix(section + ".") else { return nil }
        var inner = self
        inner.key = String(key.dropFirst(section.count + 1))
        return inner
    }

    /// Text of a YAML file.
    ///
    /// - Throws: `PixNerdError` naming the path.
    package static func text(ofFile path: String) throws -> String {
        guard FileManager.default.fileExists(atPath: path) else {
            throw PixNerdError(.notFound, found: "There is no configuration file \(path)")
        }
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw PixNerdError(
                .malformed, "\(path)", found: "cannot be read as UTF-8 text", expected: "a YAML file")
        }
        return text
    }

    /// The path that an override or a value of a file gives, with `~` at its start replaced by the home directory.
    ///
    /// - Throws: `PixNerdError` if the home directory is not known.
    package func path() throws -> String {
        try expandingHome(asOverride(ofPath: true).text, subject: "\(place): \(key)")
    }

    /// An override with its text read as in a file: a list in brackets, text in quotes, null for nothing. All other
    /// text stands for itself, and so does a value of a file.
    ///
    /// - Parameters:
    ///   - isList: whether the key has a list.
    ///   - isText: whether the key has text.
    ///   - isPath: whether the key has a path, in which `~` is the home directory and not null.
    /// - Throws: `PixNerdError` if brackets hold no list.
    func asOverride(
        ofList isList: Bool = false, ofText isText: Bool = true, ofPath isPath: Bool = false
    ) throws -> ConfigurationAssignment {
        guard isOverride else { return self }
        var read = self
        if ConfigurationYAML.isNull(text), !(isPath && text == "~") {
            (read.text, read.form) = ("", .nothing)
        } else if isList, text.drop(while: \.isWhitespace).hasPrefix("[") {
            guard case .sequence(let sequence)? = try? Yams.compose(yaml: text) else {
                throw PixNerdError(
                    .invalidValue, "\(place):", found: "\(key) is '\(text)'", expected: "a list such as [8, 16] or 8,16"
                )
            }
            (read.text, read.form) = (ConfigurationYAML.text(of: sequence), .list)
        } else if isText, let first = text.first, first == "'" || first == "\"",
            case .scalar(let scalar)? = try? Yams.compose(yaml: text)
        {
            read.text = scalar.string
        }
        return read
    }
}
