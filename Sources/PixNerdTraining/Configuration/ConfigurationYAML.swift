import Foundation
import PixNerdSupport
import Yams

extension ConfigurationAssignment {
    /// All values in YAML text, in the order of the text.
    ///
    /// - Parameter origin: the name of the text in messages.
    /// - Throws: `PixNerdError` naming the line.
    package static func all(in text: String, origin: String) throws -> [ConfigurationAssignment] {
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch let error as YamlError {
            throw ConfigurationYAML.invalid(error, origin)
        }
        guard let root else { return [] }
        guard case .mapping = root else {
            throw PixNerdError(
                .malformed, "\(origin)", found: "does not hold keys and values", advice: "see configs/ for examples")
        }
        var yaml = ConfigurationYAML(origin: origin)
        try yaml.visit(root, path: "")
        return yaml.found
    }
}

/// The values of a YAML tree, read by the core schema of YAML 1.2 (10.3.2), with the merge keys of YAML 1.1.
struct ConfigurationYAML {
    let origin: String
    private(set) var found: [ConfigurationAssignment] = []
    /// Number of nodes that may still be visited. Aliases of aliases can make billions of nodes out of a few lines.
    private var budget = 20_000

    init(origin: String) { self.origin = origin }

    /// Whether plain text is null.
    static func isNull(_ text: String) -> Bool { ["", "~", "null", "Null", "NULL"].contains(text) }

    /// The values of a list, as the text of a configuration value.
    static func text(of sequence: Node.Sequence) -> String {
        sequence.map { node in
            switch node {
            case .scalar(let scalar): scalar.string
            case .sequence: "[...]"
            case .mapping: "{...}"
            case .alias: "*..."
            }
        }.joined(separator: ",")
    }

    /// Collects the values of a node.
    ///
    /// - Parameter path: the key of the node; empty for the whole file.
    mutating func visit(_ node: Node, path: String) throws {
        try spend(node)
        switch node {
        case .mapping(let mapping):
            if mapping.isEmpty { keep("", .nothing, node, path) }
            for (key, value) in try pairs(of: mapping) {
                try visit(value, path: path.isEmpty ? key : "\(path).\(key)")
            }
        case .scalar(let scalar):
            let isNothing = Self.isPlain(scalar) && Self.isNull(scalar.string)
            keep(isNothing ? "" : scalar.string, isNothing ? .nothing : .text, node, path)
        case .sequence(let sequence): keep(Self.text(of: sequence), .list, node, path)
        case .alias: keep("*...", .list, node, path)
        }
    }

    /// Whether a scalar has neither quotes nor a tag that makes it text.
    private static func isPlain(_ scalar: Node.Scalar) -> Bool {
        scalar.style == .plain && ["", Tag.Name.null.rawValue, Tag.Name.merge.rawValue].contains(scalar.tag.rawValue)
    }

    private mutating func keep(
        _ text: String, _ form: ConfigurationAssignment.Form, _ node: Node, _ path: String
    ) {
        guard !path.isEmpty else { return }
        found.append(ConfigurationAssignment(key: path, text: text, place: place(of: node), form: form))
    }

    private func place(of node: Node) -> ErrorText { node.mark.map { "\(origin):\($0.line)" } ?? "\(origin)" }

    private mutating func spend(_ node: Node) throws {
        budget -= 1
        guard budget > 0 else {
            throw PixNerdError(
                .malformed, "\(place(of: node)):", found: "there are too many values, perhaps by aliases of aliases",
                advice: "write them out")
        }
    }

    /// The keys and values of a mapping, in which those of the mappings under `<<` come first unless it has such keys
    /// itself.
    private mutating func pairs(of mapping: Node.Mapping) throws -> [(key: String, value: Node)] {
        var own: [(key: String, value: Node)] = []
        var merged: [(key: String, value: Node)] = []
        for (key, value) in mapping {
            guard case .scalar(let name) = key else {
                throw PixNerdError(
                    .malformed, "\(place(of: key)):", found: "a key is a list or a section", expected: "text")
            }
            if name.string == "<<", Self.isPlain(name) {
                merged = try mergedPairs(value)
            } else {
                own.append((name.string, value))
            }
        }
        return merged.filter { pair in !own.contains { $0.key == pair.key } } + own
    }

    /// The keys and values of one mapping, or of several, of which an earlier one wins.
    private mutating func mergedPairs(_ node: Node) throws -> [(key: String, value: Node)] {
        try spend(node)
        let mappings: [Node]
        if case .sequence(let sequence) = node { mappings = Array(sequence) } else { mappings = [node] }
        var merged: [(key: String, value: Node)] = []
        for item in mappings {
            try spend(item)
            guard case .mapping(let mapping) = item else {
                throw PixNerdError(
                    .malformed, "\(place(of: item)):", found: "<< does not stand before a section",
                    expected: "an alias of a section, such as <<: *base, or a list of them")
            }
            merged += try pairs(of: mapping).filter { pair in !merged.contains { $0.key == pair.key } }
        }
        return merged
    }

    /// The error of the YAML parser as one sentence.
    static func invalid(_ error: YamlError, _ origin: String) -> PixNerdError {
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
