import Foundation
import Yams

/// What is wrong with a configuration, in one sentence for a person.
public struct ConfigurationError: Error, CustomStringConvertible, Sendable {
    public let description: String

    public init(_ description: String) { self.description = description }
}

extension Configuration {
    /// One value that was given, and where.
    private struct Assignment {
        let key: String
        let text: String
        /// For messages: "configs/a.yaml:12" or "--set".
        let place: String
    }

    /// Reads a YAML file, and then values of the form `key=value`, which win.
    ///
    /// - Throws: `ConfigurationError` naming file, line and key.
    public init(yaml path: String, settings: [String] = []) throws {
        guard FileManager.default.fileExists(atPath: path) else {
            throw ConfigurationError("There is no configuration file \(path).")
        }
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw ConfigurationError("\(path) cannot be read as UTF-8 text; a YAML file is expected.")
        }
        try self.init(text: text, origin: path, settings: settings)
    }

    /// Reads YAML text.
    ///
    /// - Parameter origin: what the text is called in messages.
    public init(text: String, origin: String, settings: [String] = []) throws {
        var assignments = try Self.assignments(text: text, origin: origin)
        for setting in settings {
            guard let sign = setting.firstIndex(of: "=") else {
                throw ConfigurationError(
                    "--set \(setting) has no equals sign; write --set key=value, such as --set training.steps=500.")
            }
            assignments.append(
                Assignment(
                    key: String(setting[..<sign]), text: String(setting[setting.index(after: sign)...]),
                    place: "--set"))
        }
        self.init()
        // The preset first, so that single sizes change it wherever they stand.
        for assignment in assignments where assignment.key == "model.preset" {
            try apply(assignment)
        }
        applyPreset()
        for assignment in assignments { try apply(assignment) }
    }

    private mutating func apply(_ assignment: Assignment) throws {
        guard let key = Self.keys.first(where: { $0.name == assignment.key }) else {
            if let inside = Self.keys.first(where: { $0.name.hasPrefix(assignment.key + ".") }) {
                throw ConfigurationError(
                    "\(assignment.place): \(assignment.key) is a section and not a value; "
                        + "set keys in it, such as \(inside.name).")
            }
            throw ConfigurationError(
                "\(assignment.place): there is no key \(assignment.key); "
                    + "did you mean \(Self.nearestKey(to: assignment.key))?")
        }
        guard key.write(&self, assignment.text) else {
            throw ConfigurationError(
                "\(assignment.place): \(key.name) is '\(assignment.text)', expected is \(key.expectation).")
        }
    }

    private static func assignments(text: String, origin: String) throws -> [Assignment] {
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch let error as YamlError {
            throw ConfigurationError(sentence(about: error, origin))
        }
        guard let root else { return [] }
        var found: [Assignment] = []
        func walk(_ node: Node, _ path: String) throws {
            let place = node.mark.map { "\(origin):\($0.line)" } ?? origin
            switch node {
            case .mapping(let mapping):
                if let key = keys.first(where: { $0.name == path }) {
                    throw ConfigurationError("\(place): \(path) holds keys, expected is \(key.expectation).")
                }
                for (key, value) in mapping {
                    let name = key.string ?? ""
                    try walk(value, path.isEmpty ? name : "\(path).\(name)")
                }
            case .scalar(let scalar):
                // A section without keys is empty, not a value.
                if scalar.string.isEmpty, keys.contains(where: { $0.name.hasPrefix(path + ".") }) { return }
                found.append(Assignment(key: path, text: scalar.string, place: place))
            case .sequence(let sequence) where keys.contains { $0.name == path && $0.isList }:
                let text = sequence.map { $0.string ?? "?" }.joined(separator: ",")
                found.append(Assignment(key: path, text: text, place: place))
            case .sequence, .alias:
                let expected = keys.first { $0.name == path }?.expectation ?? "a section with keys"
                throw ConfigurationError("\(place): \(path) is a list, expected is \(expected).")
            }
        }
        guard case .mapping = root else {
            throw ConfigurationError("\(origin) does not hold keys and values; see configs/ for examples.")
        }
        try walk(root, "")
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

    /// The known key that is closest in spelling.
    private static func nearestKey(to name: String) -> String {
        func parts(_ name: String) -> (section: String, leaf: String) {
            let parts = name.split(separator: ".").map(String.init)
            return (parts.dropLast().joined(separator: "."), parts.last ?? "")
        }
        let asked = parts(name)
        func distance(_ key: String) -> Int {
            let known = parts(key)
            let isCut =
                known.leaf.hasPrefix(asked.leaf) || known.leaf.hasSuffix(asked.leaf) || asked.leaf.hasPrefix(known.leaf)
            let spelling = editDistance(asked.leaf, known.leaf)
            return 2 * (isCut ? min(spelling, 1) : spelling) + (asked.section == known.section ? 0 : 3)
        }
        return keys.map(\.name).min { distance($0) < distance($1) } ?? ""
    }

    /// The complete configuration as YAML.
    public var yaml: String {
        var top: [(Node, Node)] = []
        var sections: [(name: String, pairs: [(Node, Node)])] = []
        for key in Self.keys {
            let parts = key.name.split(separator: ".").map(String.init)
            // Text is quoted, so that a name such as `on` or `1e3` stays text.
            let style: Node.Scalar.Style = key.isText ? .singleQuoted : .plain
            let text = key.read(self)
            let value =
                key.isList
                ? Node(
                    text.split(separator: ",").map { Node($0.trimmingCharacters(in: .whitespaces)) }, Tag(.implicit),
                    .flow)
                : Node(text, Tag(.implicit), style)
            if parts.count == 1 {
                top.append((Node(parts[0]), value))
            } else if sections.last?.name == parts[0] {
                sections[sections.count - 1].pairs.append((Node(parts[1]), value))
            } else {
                sections.append((parts[0], [(Node(parts[1]), value)]))
            }
        }
        let node = Node(top + sections.map { (Node($0.name), Node($0.pairs)) })
        // Serialising a tree of scalars cannot fail.
        return (try? Yams.serialize(node: node)) ?? ""
    }

    /// The keys whose values differ, with both values.
    public func differences(from other: Configuration) -> [(key: ConfigurationKey, own: String, other: String)] {
        Self.keys.map { ($0, $0.read(self), $0.read(other)) }.filter { $0.1 != $0.2 }
    }
}

/// How many letters must be changed, left out or put in (Levenshtein).
func editDistance(_ a: String, _ b: String) -> Int {
    let (a, b) = (Array(a), Array(b))
    var row = Array(0...b.count)
    for i in 0..<a.count {
        var diagonal = row[0]
        row[0] = i + 1
        for j in 0..<b.count {
            let substituted = diagonal + (a[i] == b[j] ? 0 : 1)
            diagonal = row[j + 1]
            row[j + 1] = min(substituted, diagonal + 1, row[j] + 1)
        }
    }
    return row[b.count]
}

extension Configuration {
    /// Every key with its default and its help, as a table for a person.
    public static var keyTable: String {
        let defaults = Configuration()
        let rows = keys.map { key in
            (name: key.name, value: key.read(defaults).isEmpty ? "-" : key.read(defaults), help: key.help)
        }
        let nameWidth = rows.map(\.name.count).max() ?? 0
        let valueWidth = rows.map(\.value.count).max() ?? 0
        return rows.map { row in
            row.name.padding(toLength: nameWidth + 2, withPad: " ", startingAt: 0)
                + row.value.padding(toLength: valueWidth + 2, withPad: " ", startingAt: 0) + row.help
        }.joined(separator: "\n")
    }
}
