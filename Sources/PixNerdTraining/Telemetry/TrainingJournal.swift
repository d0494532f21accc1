import Foundation
import PixNerdCheckpoints
import PixNerdImages

/// The logs of a run: `metrics.jsonl` and a TensorBoard event file.
final class TrainingJournal {
    private let log: MetricsLog
    private let events: EventFile

    init(run: RunDirectory, resumingAt step: Int) throws {
        log = try MetricsLog(path: run.metricsPath, resumingAt: step)
        events = try EventFile(directory: run.path, time: Self.now, resumingAt: step > 0 ? step : nil)
    }

    private static var now: Double { Date().timeIntervalSince1970 }

    func write(_ record: MetricsRecord) throws {
        try log.append(record)
        try events.write(scalars: record.scalars, step: record.step, time: Self.now)
    }

    func write(_ picture: RGBImage, tag: String, step: Int) throws {
        try events.write(
            picture: tag, png: ImageFile.encodePNG(picture), width: picture.width, height: picture.height, step: step,
            time: Self.now)
    }
}
