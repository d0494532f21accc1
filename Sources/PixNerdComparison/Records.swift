import Foundation
import PixNerdCheckpoints
import PixNerdSupport

/// What a comparison has found so far: a file of JSON for each finished piece of work, with the settings that decided it,
/// which appears whole or not at all.
struct Records {
    /// Where they are.
    let path: String

    private struct Record<Value: Codable>: Codable {
        let settings: [String: String]
        let value: Value
    }

    private func file(_ name: String) -> String { "\(path)/\(name).json" }

    /// What was found under a name with these settings; nil where nothing was, or with others.
    func value<Value: Codable>(_ name: String, _ settings: [String: String], as type: Value.Type) -> Value? {
        guard let data = FileManager.default.contents(atPath: file(name)),
            let record = try? JSON.decoder().decode(Record<Value>.self, from: data), record.settings == settings
        else { return nil }
        return record.value
    }

    /// Keeps what was found.
    ///
    /// - Throws: `ComparisonError` or `CheckpointError` where it cannot be written.
    func keep<Value: Codable>(_ name: String, _ settings: [String: String], _ value: Value) throws {
        try makeFolder(path)
        try JSON.write(Record(settings: settings, value: value), to: file(name))
    }
}
