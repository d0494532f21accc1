import Foundation
import PixNerdSupport
import PixNerdTraining

/// A line of a run's log, or the mean of several, as charts show it.
struct MetricsPoint: Encodable, Sendable {
    let record: MetricsRecord
    let lossLow: Double
    let lossHigh: Double

    private enum CodingKeys: String, CodingKey {
        case lossLow = "loss_low"
        case lossHigh = "loss_high"
    }

    func encode(to encoder: any Encoder) throws {
        try record.encode(to: encoder)
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(lossLow, forKey: .lossLow)
        try values.encode(lossHigh, forKey: .lossHigh)
    }
}

/// The log of a run.
enum MetricsHistory {
    /// The lines of `metrics.jsonl`, without what cannot be read.
    static func records(path: String) -> [MetricsRecord] {
        guard let data = FileManager.default.contents(atPath: path) else { return [] }
        return records(in: data)
    }

    static func records(in lines: Data) -> [MetricsRecord] {
        let decoder = JSON.decoder()
        return lines.split(separator: UInt8(ascii: "\n")).compactMap {
            try? decoder.decode(MetricsRecord.self, from: $0)
        }
    }

    /// At most `count` points, each the mean of as many lines.
    static func points(_ records: [MetricsRecord], atMost count: Int = 2000) -> [MetricsPoint] {
        let group = max(1, (records.count + count - 1) / count)
        return stride(from: 0, to: records.count, by: group).map { start in
            mean(records[start..<min(start + group, records.count)])
        }
    }

    private static func mean(_ records: ArraySlice<MetricsRecord>) -> MetricsPoint {
        var point = records.last!
        func mean(_ value: (MetricsRecord) -> Double?) -> Double? {
            let values = records.compactMap(value)
            return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
        }
        let losses = records.map(\.loss)
        point.loss = mean(\.loss) ?? point.loss
        point.gradientNorm = mean(\.gradientNorm) ?? point.gradientNorm
        point.imagesPerSecond = mean(\.imagesPerSecond) ?? point.imagesPerSecond
        point.dataWait = mean(\.dataWait) ?? point.dataWait
        point.holdoutLoss = mean(\.holdoutLoss)
        point.seenLoss = mean(\.seenLoss)
        point.distances = records.compactMap(\.distances).last
        point.processorsBusy = mean(\.processorsBusy)
        point.machineShare = mean(\.machineShare)
        point.lossByTime = means(records.compactMap(\.lossByTime))
        point.holdoutLossByTime = means(records.compactMap(\.holdoutLossByTime))
        return MetricsPoint(record: point, lossLow: losses.min() ?? point.loss, lossHigh: losses.max() ?? point.loss)
    }

    private static func means(_ rows: [[Double?]]) -> [Double?]? {
        guard let count = rows.map(\.count).min() else { return nil }
        return (0..<count).map { place in
            let values = rows.compactMap { $0[place] }
            return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
        }
    }
}
