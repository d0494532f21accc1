import Foundation
import PixNerdLayers
import PixNerdOptimization
import PixNerdTensors

/// One line of `metrics.jsonl`.
public struct MetricsRecord: Codable, Sendable, Equatable {
    public var step: Int
    /// The mean over the steps since the last line.
    public var loss: Double
    /// The parts of it before their weights, where it has several: of a denoiser the velocity's and the alignment's, of an
    /// autoencoder the reconstruction's, the divergence's in nats a picture, and the perceptual one's.
    public var flow: Double?
    public var align: Double?
    public var reconstruction: Double?
    public var divergence: Double?
    public var perceptual: Double?
    /// The mean loss of the velocity in each tenth of the times, from noise to data; null where no time fell into it, and
    /// as a whole where there are no times.
    public var lossByTime: [Double?]?
    /// Before clipping, the mean likewise.
    public var gradientNorm: Double
    public var learningRate: Double
    /// Steps of the whole run that were not taken, for the norm of their gradient.
    public var skippedSteps: Int
    public var imagesPerSecond: Double
    /// The share of the time that the steps waited for pictures.
    public var dataWait: Double
    /// Of the process so far, in GB.
    public var peakMemory: Double
    /// Since the run was started or resumed.
    public var seconds: Double
    /// Of several processes: seconds of a step in which their gradients were summed, the wait for each other included.
    public var exchangeSeconds: Double?
    /// The share of that which the backward pass hid.
    public var exchangeHidden: Double?

    enum CodingKeys: String, CodingKey {
        case step, loss, flow, align, reconstruction, divergence, perceptual, seconds
        case lossByTime = "loss_by_time"
        case gradientNorm = "gradient_norm"
        case learningRate = "learning_rate"
        case skippedSteps = "skipped_steps"
        case imagesPerSecond = "images_per_second"
        case dataWait = "data_wait"
        case peakMemory = "peak_memory_gb"
        case exchangeSeconds = "exchange_seconds"
        case exchangeHidden = "exchange_hidden"
    }

    private static let partPaths: [(name: String, path: WritableKeyPath<MetricsRecord, Double?> & Sendable)] = [
        ("flow", \.flow), ("align", \.align), ("reconstruction", \.reconstruction), ("divergence", \.divergence),
        ("perceptual", \.perceptual),
    ]

    /// The parts that there are.
    private var parts: [(name: String, value: Double)] {
        Self.partPaths.compactMap { name, path in self[keyPath: path].map { (name, $0) } }
    }

    /// Takes over the parts of a loss that has several.
    fileprivate mutating func set(_ parts: [String: Double]) {
        guard parts.count > 1 else { return }
        for (name, path) in Self.partPaths { self[keyPath: path] = parts[name] }
    }

    /// For a line of progress.
    var line: String {
        let parts = parts.map { String(format: "  \($0.name) %.4f", $0.value) }
        let hidden = exchangeHidden.map { String(format: "  %.0f %% of the exchange hidden", 100 * $0) }
        return String(format: "loss %.4f", loss) + parts.joined() + String(format: "  %.1f pictures/s", imagesPerSecond)
            + (hidden ?? "")
    }

    /// For TensorBoard.
    var scalars: [(tag: String, value: Double)] {
        let bins = (lossByTime ?? []).enumerated().compactMap { index, loss in
            loss.map { (tag: String(format: "loss_by_time/%.1f", Double(index) / 10), value: $0) }
        }
        let exchange = [("seconds", exchangeSeconds), ("hidden", exchangeHidden)].compactMap { name, value in
            value.map { (tag: "exchange/\(name)", value: $0) }
        }
        return parts.map { (tag: "train/\($0.name)", value: $0.value) } + [
            ("train/loss", loss), ("train/gradient_norm", gradientNorm), ("train/learning_rate", learningRate),
            ("train/skipped_steps", Double(skippedSteps)), ("speed/images_per_second", imagesPerSecond),
            ("speed/data_wait", dataWait), ("speed/peak_memory_gb", peakMemory),
        ] + bins + exchange
    }
}

/// Sums between two lines of the log.
struct MetricsWindow {
    private let batchSize: Int
    private var losses = 0.0
    private var parts: [String: Double] = [:]
    private var norms = 0.0
    private var steps = 0
    /// Stays nil where there are no times.
    private var lossByTime: LossByTime?
    private let start = Date()
    private var windowStart = Date()
    private var waitedBefore = 0.0

    init(batchSize: Int) { self.batchSize = batchSize }

    mutating func add(_ step: TrainingStepResult) {
        let result = step.result
        losses += Double(result.loss)
        for name in result.pictures.names { parts[name, default: 0] += Double(result.pictures.mean(name) ?? 0) }
        norms += result.gradientNorm
        steps += 1
        guard let times = step.times, let flow = result.pictures["flow"] else { return }
        var byTime = lossByTime ?? LossByTime()
        byTime.add(times: times, losses: flow)
        lossByTime = byTime
    }

    /// Runs `body`, whose time does not count for the pictures a second.
    mutating func excluding(_ body: () throws -> Void) rethrows {
        let before = Date()
        try body()
        windowStart += Date().timeIntervalSince(before)
    }

    mutating func record(
        step: Int, learningRate: Double, skippedSteps: Int, waitSeconds: Double,
        exchange: ExchangeTimes? = nil
    ) -> MetricsRecord {
        let now = Date()
        let seconds = max(now.timeIntervalSince(windowStart), 1e-9)
        defer {
            (losses, parts, norms, steps) = (0, [:], 0, 0)
            lossByTime = nil
            windowStart = now
            waitedBefore = waitSeconds
        }
        var record = MetricsRecord(
            step: step, loss: losses / Double(steps), lossByTime: lossByTime?.means,
            gradientNorm: norms / Double(steps), learningRate: learningRate, skippedSteps: skippedSteps,
            imagesPerSecond: Double(steps * batchSize) / seconds, dataWait: (waitSeconds - waitedBefore) / seconds,
            peakMemory: Double(peakResidentMemory()) / 1e9, seconds: now.timeIntervalSince(start))
        record.set(parts.mapValues { $0 / Double(steps) })
        if let exchange {
            record.exchangeSeconds = exchange.sums / .seconds(steps)
            record.exchangeHidden = exchange.hidden
        }
        return record
    }
}
