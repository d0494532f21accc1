import Foundation
import PixNerdCheckpoints

/// Something that a comparison cannot do, in one sentence for a person.
public struct ComparisonError: Error, CustomStringConvertible, Sendable {
    public let description: String

    public init(_ description: String) { self.description = description }
}

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
            let record = try? JSON.decoder.decode(Record<Value>.self, from: data), record.settings == settings
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

/// JSON as this program writes it; numbers that are not finite are the texts `inf`, `-inf` and `nan`.
enum JSON {
    static var encoder: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return encoder
    }

    static var decoder: JSONDecoder {
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return decoder
    }

    static func write(_ value: some Encodable, to path: String) throws {
        let data = try encoder.encode(value)
        try AtomicFile.write(to: path) { file in
            try data.withUnsafeBytes { try file.append($0) }
        }
    }
}

/// - Throws: `ComparisonError` where there is none and it cannot be made.
func makeFolder(_ path: String) throws {
    do {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
        throw ComparisonError("The folder \(path) cannot be made: \(error.localizedDescription).")
    }
}
