import Foundation
import PixNerdSupport

/// A value whose properties can be set by keys, in a YAML file or an override.
package protocol KeyedConfiguration: Sendable {
    static var keys: [ConfigurationKey<Self>] { get }
    init()
}

extension KeyedConfiguration {
    /// Sets a property.
    ///
    /// - Throws: `PixNerdError` naming the origin, the key and the expected value.
    package mutating func apply(_ assignment: ConfigurationAssignment) throws {
        guard let key = Self.keys.first(where: { $0.name == assignment.key }) else {
            return try Self.expectIsEmptySection(assignment)
        }
        let assignment = try assignment.asOverride(ofList: key.isList, ofText: key.isText, ofPath: key.isPath)
        guard assignment.form != .list || key.isList else {
            throw PixNerdError(
                .invalidValue, "\(assignment.place):", found: "\(key.name) is a list", expected: "\(key.expectation)")
        }
        let text =
            key.isPath
            ? try expandingHome(assignment.text, subject: "\(assignment.place): \(key.name)") : assignment.text
        guard key.write(&self, text) else {
            throw PixNerdError(
                .invalidValue, "\(assignment.place):",
                found: assignment.form == .nothing ? "\(key.name) has no value" : "\(key.name) is '\(assignment.text)'",
                expected: "\(key.expectation)")
        }
    }

    /// Checks that an assignment that no key matches is an empty section.
    private static func expectIsEmptySection(_ assignment: ConfigurationAssignment) throws {
        let name = assignment.key
        func invalid(_ found: ErrorText, expected: ErrorText? = nil, advice: ErrorText? = nil) -> PixNerdError {
            PixNerdError(
                .invalidValue, "\(assignment.place):", found: found, expected: expected, advice: advice)
        }
        if let inside = keys.first(where: { $0.name.hasPrefix(name + ".") }) {
            switch assignment.form {
            case .nothing: return
            case .list: throw invalid("\(name) is a list", expected: "a section with keys")
            case .text:
                throw invalid("\(name) is a section, not a value", advice: "set keys in it, such as \(inside.name)")
            }
        }
        if !assignment.isOverride, let above = keys.first(where: { name.hasPrefix($0.name + ".") }) {
            throw invalid("\(above.name) holds keys", expected: "\(above.expectation)")
        }
        throw invalid("there is no key \(name)", advice: "did you mean \(nearestKey(to: name))?")
    }

    /// The known key whose spelling is closest.
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

    /// A table of all keys with defaults and help.
    package static var keyTable: String {
        let defaults = Self()
        let rows = keys.map { key in
            (name: key.name, value: key.read(defaults).isEmpty ? "-" : key.read(defaults), help: key.help)
        }
        let nameWidth = rows.map(\.name.count).max() ?? 0
        let valueWidth = rows.map(\.value.count).max() ?? 0
        return rows.map { row in
            TextTable.padded(row.name, to: nameWidth + 2)
                + TextTable.padded(row.value, to: valueWidth + 2) + row.help
        }.joined(separator: "\n")
    }
}
