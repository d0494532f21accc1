import Foundation
import PixNerdCheckpoints
import PixNerdSupport

/// Stores the results of finished units: one JSON file per unit, with the settings that determined it. Files are
/// written atomically.
struct Records {
    /// Directory of the records.
    let path: String

    private struct Record<Value: Codable>: Codable {
        let settings: [String: String]
        let value: Value
    }

    private func file(_ name: String) -> String { "\(path)/\(name).json" }

    /// Reads the value recorded under a name; nil if there is none, or if it has other settings.
    func value<Value: Codable>(_ name: String, _ settings: [String: String], as type: Value.Type) -> Value? {
        guard let data = FileManager.default.contents(atPath: file(name)),
            let record = try? JSON.decoder().decode(Record<Value>.self, from: data), record.settings == settings
        else { return nil }
        return record.value
    }

    /// Records a value.
    ///
    /// - Throws: `PixNerdError` if it cannot be written.
    func keep<Value: Codable>(_ name: String, _ settings: [String: String], _ value: Value) throws {
        try makeFolder(path)
        try JSON.write(Record(settings: settings, value: value), to: file(name))
    }
}
