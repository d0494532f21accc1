import Foundation
import PixNerdSupport
import Yams

/// One value that was given, and where.
package struct ConfigurationAssignment: Sendable {
    /// How it was given.
    package enum Form: Sendable {
        case text
        case list
        /// A YAML key with nothing behind it, or with an empty section.
        case nothing
    }

    /// With its sections, such as `training.steps`.
    package var key: String
    package let text: String
    /// For messages: "configs/a.yaml:12" or "--set".
    package let place: String
    package let form: Form

    /// A value of the form `key=value`.
    ///
    /// - Throws: `ConfigurationError` where there is no equals sign.
    package init(setting: String) throws {
        guard let sign = setting.firstIndex(of: "=") else {
            throw ConfigurationError(
                "--set \(setting) has no equals sign; write --set key=value, such as --set training.steps=500.")
        }
        self.init(
            key: String(setting[..<sign]), text: String(setting[setting.index(after: sign)...]), place: "--set")
    }

    package init(key: String, text: String, place: String, form: Form = .text) {
        (self.key, self.text, self.place, self.form) = (key, text, place, form)
    }

    /// The same value for the key without a section at its front; nil where it does not stand in that.
    package func inside(_ section: String) -> ConfigurationAssignment? {
        guard key.hasPrefix(section + ".") else { return nil }
        var inner = self
        inner.key = String(key.dropFirst(section.count + 1))
        return inner
    }

    /// The text of a YAML file.
    ///
    /// - Throws: `ConfigurationError` naming the path.
    package static func text(ofFile path: String) throws -> String {
        guard FileManager.default.fileExists(atPath: path) else {
            throw ConfigurationError("There is no configuration file \(path).")
        }
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw ConfigurationError("\(path) cannot be read as UTF-8 text; a YAML file is expected.")
        }
        return text
    }

    /// Every value in YAML text, in the order of the text.
    ///
    /// - Parameter origin: what the text is called in messages.
    /// - Throws: `ConfigurationError` naming the line.
    package static func all(in text: String, origin: String) throws -> [ConfigurationAssignment] {
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch let error as YamlError {
            throw ConfigurationError(sentence(about: error, origin))
        }
        guard let root else { return [] }
        guard case .mapping = root else {
            throw ConfigurationError("\(origin) does not hold keys and values; see configs/ for examples.")
        }
        var found: [ConfigurationAssignment] = []
        func walk(_ node: Node, _ path: String) {
            let place = node.mark.map { "\(origin):\($0.line)" } ?? origin
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

    private static func sentence(about error: YamlError, _ origin: String) -> String {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let during = context.map { "\($0.text), " } ?? ""
            return "\(origin):\(mark.line): this is not valid YAML: \(during)\(problem)."
        case .duplicatedKeysInMapping(let names, let context):
            return "\(origin):\(context.mark.line): \(names.sorted().joined(separator: " and ")) stands more than once "
                + "in one section; keep one of them."
        default:
            // What is left has a message of one line, perhaps with the text in question below it.
            let message = "\(error)".prefix { !$0.isNewline }.trimmingCharacters(in: CharacterSet(charactersIn: ": "))
            return "\(origin) is not valid YAML: \(message)."
        }
    }
}
