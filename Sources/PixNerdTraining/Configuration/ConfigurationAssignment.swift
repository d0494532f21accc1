import Foundation
import PixNerdSupport
import Yams

/// A configuration value as given in a file or an override, and its origin.
package struct ConfigurationAssignment: Sendable {
    /// The form of a value.
    package enum Form: Sendable {
        case text
        case list
        /// A YAML key without a value, or with an empty section.
        case nothing
    }

    /// The key with its section, such as `training.steps`.
    package var key: String
    package let text: String
    /// Origin for messages: file and line, such as "configs/a.yaml:12", or the setting `overrides`.
    package let place: ErrorText
    package let form: Form

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

    /// All values in YAML text, in the order of the text.
    ///
    /// - Parameter origin: the name of the text in messages.
    /// - Throws: `PixNerdError` naming the line.
    package static func all(in text: String, origin: String) throws -> [ConfigurationAssignment] {
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch let error as YamlError {
            throw invalidYAML(error, origin)
        }
        guard let root else { return [] }
        guard case .mapping = root else {
            throw PixNerdError(
                .malformed, "\(origin)", found: "does not hold keys and values", advice: "see configs/ for examples")
        }
        var found: [ConfigurationAssignment] = []
        func walk(_ node: Node, _ path: String) {
            let place: ErrorText = node.mark.map { "\(origin):\($0.line)" } ?? "\(origin)"
            func keep(_ text: String, _ form: Form) {
                guard !path.isEmpty else { return }
                found.append(ConfigurationAssignment(key: path, text: text, place: place, form: form))
            }
            switch node {
            case .mapping(let mapping):
                if mapping.isEmpty { keep("", .nothing) }
                for (key, value) in mapping {
                    let name = key.string ?? ""
                    walk(value, path.isEmpty ? name : "\(path).\(name)")
                }
            case .scalar(let scalar): keep(scalar.string, scalar.string.isEmpty ? .nothing : .text)
            case .sequence(let sequence): keep(sequence.map { $0.string ?? "?" }.joined(separator: ","), .list)
            case .alias: keep("?", .list)
            }
        }
        walk(root, "")
        return found
    }

    private static func invalidYAML(_ error: YamlError, _ origin: String) -> PixNerdError {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let during = context.map { "\($0.text), " } ?? ""
            return PixNerdError(
                .malformed, "\(origin):\(mark.line):", found: "this is not valid YAML: \(during)\(problem)")
        case .duplicatedKeysInMapping(let names, let context):
            return PixNerdError(
                .malformed, "\(origin):\(context.mark.line):",
                found: "\(names.sorted().joined(separator: " and ")) appears more than once in one section",
                advice: "keep one of them")
        default:
            // The other errors have a message of one line, perhaps followed by the text in question.
            let message = "\(error)".prefix { !$0.isNewline }.trimmingCharacters(in: CharacterSet(charactersIn: ": "))
            return PixNerdError(.malformed, "\(origin)", found: "is not valid YAML: \(message)")
        }
    }
}
