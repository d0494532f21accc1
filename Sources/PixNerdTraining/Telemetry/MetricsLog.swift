import Foundation
import PixNerdCheckpoints
import PixNerdSupport

/// Appends to `metrics.jsonl`.
final class MetricsLog {
    private let path: String
    private let handle: FileHandle
    private let encoder = JSONEncoder()

    /// Opens the log and drops the lines of steps after `step`, which a resumed run repeats.
    init(path: String, resumingAt step: Int) throws {
        self.path = path
        let decoder = JSONDecoder()
        let lines = (try? String(contentsOfFile: path, encoding: .utf8))?.split(separator: "\n") ?? []
        let kept = lines.filter { line in
            (try? decoder.decode(MetricsRecord.self, from: Data(line.utf8))).map { $0.step <= step } ?? false
        }
        do {
            try kept.map { $0 + "\n" }.joined().write(toFile: path, atomically: true, encoding: .utf8)
            handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
            try handle.seekToEnd()
        } catch {
            throw PixNerdError(.system, "\(path)", found: "cannot be written: \(systemReason(error))")
        }
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    }

    func append(_ record: MetricsRecord) throws {
        do {
            try handle.write(contentsOf: encoder.encode(record) + Data("\n".utf8))
        } catch {
            throw PixNerdError(.system, "\(path)", found: "cannot be written: \(systemReason(error))")
        }
    }

    deinit { try? handle.close() }
}
