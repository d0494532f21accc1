import Foundation
import PixNerdSupport

/// Appends to `metrics.jsonl`.
final class MetricsLog {
    private let file: AppendedFile
    private let encoder = JSONEncoder()

    /// Opens the log and drops the lines of steps after `step`, which a resumed run repeats.
    ///
    /// - Throws: `PixNerdError` if it cannot be read or written.
    init(path: String, resumingAt step: Int) throws {
        if FileManager.default.fileExists(atPath: path) {
            guard let bytes = FileManager.default.contents(atPath: path) else {
                throw PixNerdError(.system, "\(path)", found: "cannot be read: \(systemReason())")
            }
            let kept = Self.lines(of: bytes, upTo: step)
            if kept != bytes { try AtomicFile.write(kept, to: path) }
        }
        file = try AppendedFile(path: path)
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    }

    /// The lines that stay. A line that cannot be read stays too, unless a crash left it unfinished at the end.
    private static func lines(of bytes: Data, upTo step: Int) -> Data {
        let decoder = JSONDecoder()
        guard let end = bytes.lastIndex(of: UInt8(ascii: "\n")) else { return Data() }
        let lines = bytes[..<end].split(separator: UInt8(ascii: "\n"))
        return lines.filter { line in
            guard let record = try? decoder.decode(MetricsRecord.self, from: Data(line)) else { return true }
            return record.step <= step
        }.reduce(into: Data()) { $0 += $1 + [UInt8(ascii: "\n")] }
    }

    func append(_ record: MetricsRecord) throws {
        try file.append(try encoder.encode(record) + Data("\n".utf8))
    }
}
