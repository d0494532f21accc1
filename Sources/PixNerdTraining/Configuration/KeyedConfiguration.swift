import Foundation
import PixNerdSupport

/// Something whose properties are reached by keys in a YAML file and by `--set`.
package protocol KeyedConfiguration: Sendable {
    static var keys: [ConfigurationKey<Self>] { get }
    init()
}

extension KeyedConfiguration {
    /// Takes over a value.
    ///
    /// - Throws: `ConfigurationError` naming the place, the key and what is expected.
    package mutating func apply(_ assignment: ConfigurationAssignment) throws {
        guard let key = Self.keys.first(where: { $0.name == assignment.key }) else {
            return try Self.expectIsEmptySection(assignment)
        }
        guard assignment.form != .list || key.isList else {
            throw ConfigurationError("\(assignment.place): \(key.name) is a list, expected is \(key.expectation).")
        }
        guard key.write(&self, assignment.text) else {
            throw ConfigurationError(
                "\(assignment.place): \(key.name) is '\(assignment.text)', expected is \(key.expectation).")
        }
    }

    /// What is not a key may be a section without keys, which is no value.
    private static func expectIsEmptySection(_ assignment: ConfigurationAssignment) throws {
        let (name, place) = (assignment.key, assignment.place)
        if let inside = keys.first(where: { $0.name.hasPrefix(name + ".") }) {
            switch assignment.form {
            case .nothing: return
            case .list: throw ConfigurationError("\(place): \(name) is a list, expected is a section with keys.")
            case .text:
                throw ConfigurationError(
                    "\(place): \(name) is a section and not a value; set keys in it, such as \(inside.name).")
            }
        }
        if place != "--set", let above = keys.first(where: { name.hasPrefix($0.name + ".") }) {
            throw ConfigurationError("\(place): \(above.name) holds keys, expected is \(above.expectation).")
        }
        throw ConfigurationError("\(place): there is no key \(name); did you mean \(nearestKey(to: name))?")
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
        let names = keys.map(\.name)
        if let usual = UsualNames.key(of: name), names.contains(usual) { return usual }
        return names.min { distance($0) < distance($1) } ?? ""
    }

    /// Every key with its default and its help, as a table for a person.
    package static var keyTable: String {
        let defaults = Self()
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

/// How many letters must be changed, left out or put in (Levenshtein).
package func editDistance(_ a: String, _ b: String) -> Int {
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
