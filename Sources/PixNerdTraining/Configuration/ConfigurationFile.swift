import Foundation
import Yams

extension Configuration: KeyedConfiguration {
    /// Reads a YAML file, and then overrides of the form `key=value`.
    ///
    /// - Throws: `PixNerdError` naming file, line and key.
    public init(yaml path: String, settings: [String] = []) throws {
        try self.init(text: ConfigurationAssignment.text(ofFile: path), origin: path, settings: settings)
    }

    /// Reads YAML text, and then overrides of the form `key=value`.
    ///
    /// - Parameter origin: the name of the text in messages.
    /// - Throws: `PixNerdError` naming line and key.
    public init(text: String, origin: String, settings: [String] = []) throws {
        try self.init(
            ConfigurationAssignment.all(in: text, origin: origin)
                + settings.map { try ConfigurationAssignment(setting: $0) })
    }

    /// Applies values in order; later ones override earlier ones.
    package init(_ assignments: [ConfigurationAssignment]) throws {
        self.init()
        // The preset first, so that other model keys change it wherever they appear.
        for assignment in assignments where assignment.key == "model.preset" {
            try apply(assignment)
        }
        model.applyPreset()
        for assignment in assignments { try apply(assignment) }
    }

    /// The complete configuration as YAML.
    public var yaml: String { yaml(of: Self.keys) }

    /// YAML text with the keys alone whose values are not the defaults.
    public var changedYAML: String {
        let defaults = Configuration()
        return yaml(of: Self.keys.filter { $0.read(self) != $0.read(defaults) })
    }

    private func yaml(of keys: [ConfigurationKey<Configuration>]) -> String {
        var top: [(Node, Node)] = []
        var sections: [(name: String, pairs: [(Node, Node)])] = []
        for key in keys {
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

    /// Keys whose values differ, with both values.
    public func differences(
        from other: Configuration
    ) -> [(key: ConfigurationKey<Configuration>, own: String, other: String)] {
        Self.keys.map { ($0, $0.read(self), $0.read(other)) }.filter { $0.1 != $0.2 }
    }
}
