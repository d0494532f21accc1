import Foundation

/// One line of `metrics.jsonl`.
public struct MetricsRecord: Codable, Sendable, Equatable {
    public var step: Int
    /// The mean over the steps since the last line.
    public var loss: Double
    /// Before clipping, the mean likewise.
    public var gradientNorm: Double
    public var learningRate: Double
    public var imagesPerSecond: Double
    /// The share of the time that the steps waited for pictures.
    public var dataWait: Double
    /// Of the process so far, in GB.
    public var peakMemory: Double
    /// Since the run was started or resumed.
    public var seconds: Double

    enum CodingKeys: String, CodingKey {
        case step, loss, seconds
        case gradientNorm = "gradient_norm"
        case learningRate = "learning_rate"
        case imagesPerSecond = "images_per_second"
        case dataWait = "data_wait"
        case peakMemory = "peak_memory_gb"
    }
}

/// Appends to `metrics.jsonl`.
final class MetricsLog {
    private let path: String
    private let handle: FileHandle
    private let encoder = JSONEncoder()

    /// Opens the log; lines of steps after `step`, which a resumed run will come to again, are dropped.
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
            throw TrainingError("\(path) cannot be written: \(systemReason(error)).")
        }
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    }

    func append(_ record: MetricsRecord) throws {
        do {
            try handle.write(contentsOf: encoder.encode(record) + Data("\n".utf8))
        } catch {
            throw TrainingError("\(path) cannot be written: \(systemReason(error)).")
        }
    }

    deinit { try? handle.close() }
}

/// The largest resident memory of this process so far, in bytes.
public func peakResidentMemory() -> Int {
    var usage = rusage()
    // 0 is RUSAGE_SELF, which glibc declares as an enumeration that Swift does not convert.
    getrusage(0, &usage)
    return usage.ru_maxrss * 1024
}
