import Foundation
import PixNerdLayers
import PixNerdOptimization
import PixNerdSupport
import PixNerdTensors

/// A line of `metrics.jsonl`.
public struct MetricsRecord: Codable, Sendable, Equatable {
    public var step: Int
    /// Mean loss over the steps since the last line.
    public var loss: Double
    /// Unweighted velocity loss of a denoiser, or the error of its noise; nil if it is the loss itself.
    public var flow: Double?
    /// Bound of the variance that a model of a diffusion process predicts; nil for other models.
    public var bound: Double?
    /// Unweighted alignment loss of a denoiser; nil without alignment.
    public var align: Double?
    /// Unweighted loss of a denoiser by frequency; nil without that part.
    public var frequency: Double?
    /// Unweighted dispersive loss of a denoiser; nil without that part.
    public var disperse: Double?
    /// Unweighted reconstruction loss of an autoencoder.
    public var reconstruction: Double?
    /// KL divergence of an autoencoder in nats per image.
    public var divergence: Double?
    /// Unweighted perceptual loss of an autoencoder; nil without that part.
    public var perceptual: Double?
    /// Mean velocity loss in each tenth of the times, from noise to data: null for a tenth without samples; nil for an
    /// autoencoder.
    public var lossByTime: [Double?]?
    /// Loss of held-out images at fixed noise and times; nil if it was not measured after this step.
    public var holdoutLoss: Double?
    /// Its mean in each tenth of the times, from noise to data; nil for an autoencoder.
    public var holdoutLossByTime: [Double?]?
    /// Loss of as many images that are trained on, measured alike.
    public var seenLoss: Double?
    /// Its mean in each tenth of the times.
    public var seenLossByTime: [Double?]?
    /// Distances of samples to real images; nil if they were not measured after this step.
    public var distances: [MeasuredDistance]?
    /// Mean gradient norm before clipping, over the steps since the last line.
    public var gradientNorm: Double
    public var learningRate: Double
    /// Number of steps of the whole run that were skipped because of their gradient norm.
    public var skippedSteps: Int
    public var imagesPerSecond: Double
    /// Fraction of the time that the steps waited for images.
    public var dataWait: Double
    /// Mean number of processors that the threads of this process kept busy.
    public var processorsBusy: Double?
    /// Operations of matmuls per second relative to those of a large matmul, measured before the first step.
    public var machineShare: Double?
    /// Peak memory of the process so far in GB.
    public var peakMemory: Double
    /// Seconds since the run was started or resumed.
    public var seconds: Double
    /// Seconds per step in which gradients were exchanged, including waits; nil for a single process.
    public var exchangeSeconds: Double?
    /// Fraction of `exchangeSeconds` that was hidden behind the backward pass.
    public var exchangeHidden: Double?

    enum CodingKeys: String, CodingKey {
        case step, loss, flow, bound, align, frequency, disperse, reconstruction, divergence, perceptual, distances,
            seconds
        case lossByTime = "loss_by_time"
        case holdoutLoss = "holdout_loss"
        case holdoutLossByTime = "holdout_loss_by_time"
        case seenLoss = "seen_loss"
        case seenLossByTime = "seen_loss_by_time"
        case gradientNorm = "gradient_norm"
        case learningRate = "learning_rate"
        case skippedSteps = "skipped_steps"
        case imagesPerSecond = "images_per_second"
        case dataWait = "data_wait"
        case processorsBusy = "processors_busy"
        case machineShare = "machine_share"
        case peakMemory = "peak_memory_gb"
        case exchangeSeconds = "exchange_seconds"
        case exchangeHidden = "exchange_hidden"
    }

    private static let partPaths: [(name: String, path: WritableKeyPath<MetricsRecord, Double?> & Sendable)] = [
        ("flow", \.flow), ("bound", \.bound), ("align", \.align), ("frequency", \.frequency), ("disperse", \.disperse),
        ("reconstruction", \.reconstruction), ("divergence", \.divergence), ("perceptual", \.perceptual),
    ]

    /// Names and values of the loss parts that are not nil.
    private var parts: [(name: String, value: Double)] {
        Self.partPaths.compactMap { name, path in self[keyPath: path].map { (name, $0) } }
    }

    /// Sets the parts of a loss with several parts, or with one that it is not equal to but for rounding.
    fileprivate mutating func set(_ parts: [String: Double]) {
        guard parts.count > 1 || parts.values.contains(where: { abs($0 - loss) > 1e-4 * abs(loss) }) else { return }
        for (name, path) in Self.partPaths { self[keyPath: path] = parts[name] }
    }

    /// Adds the losses of held-out images and of those that are trained on.
    mutating func set(_ losses: HoldoutLosses) {
        (holdoutLoss, holdoutLossByTime) = (losses.heldOut.mean, losses.heldOut.byTime)
        (seenLoss, seenLossByTime) = (losses.seen.mean, losses.seen.byTime)
    }

    /// Loss and speed as text for a progress bar.
    var line: String {
        let parts = parts.map { String(format: "  \($0.name) %.4f", $0.value) }
        let hidden = exchangeHidden.map { String(format: "  %.0f %% of the exchange hidden", 100 * $0) }
        let held = both(holdoutLoss, seenLoss).map { String(format: "  held out %.4f, seen %.4f", $0, $1) }
        let distance = distances?.first.map { String(format: "  \($0.name) %.1f", $0.value) }
        return String(format: "loss %.4f", loss) + (held ?? "") + parts.joined() + (distance ?? "")
            + String(format: "  %.1f images/s", imagesPerSecond)
            + (hidden ?? "")
    }

    /// Scalars for TensorBoard.
    var scalars: [(tag: String, value: Double)] {
        func named(_ section: String, _ values: [(String, Double?)]) -> [(tag: String, value: Double)] {
            values.compactMap { name, value in value.map { ("\(section)/\(name)", $0) } }
        }
        func byTime(_ section: String, _ bins: [Double?]?) -> [(tag: String, value: Double)] {
            named(
                section, (bins ?? []).enumerated().map { (String(format: "%.1f", Double($0) / 10), $1) })
        }
        let bins =
            byTime("loss_by_time", lossByTime) + byTime("holdout_by_time", holdoutLossByTime)
            + byTime("seen_by_time", seenLossByTime)
        let others =
            named("distance", (distances ?? []).map { ($0.name, $0.value) })
            + named("speed", [("processors_busy", processorsBusy), ("machine_share", machineShare)])
            + named("holdout", [("loss", holdoutLoss), ("seen_loss", seenLoss)])
            + named("exchange", [("seconds", exchangeSeconds), ("hidden", exchangeHidden)])
        return parts.map { (tag: "train/\($0.name)", value: $0.value) } + [
            ("train/loss", loss), ("train/gradient_norm", gradientNorm), ("train/learning_rate", learningRate),
            ("train/skipped_steps", Double(skippedSteps)), ("speed/images_per_second", imagesPerSecond),
            ("speed/data_wait", dataWait), ("speed/peak_memory_gb", peakMemory),
        ] + bins + others
    }
}

/// Sums over the steps between two lines of the log.
struct MetricsWindow {
    private let batchSize: Int
    private var losses = 0.0
    private var parts: [String: Double] = [:]
    private var norms = 0.0
    private var steps = 0
    /// Loss by time; stays nil for an autoencoder.
    private var lossByTime: LossByTime?
    private let start = Date()
    /// Operations per second of a large matmul.
    private let machineRate: Double
    private var worked = Work()
    private var windowStart = Date()
    private var waitedBefore = 0.0

    /// What the process has computed so far.
    private struct Work {
        var multiplyAdds = OperatorProfile.multiplyAdds
        var seconds = processorSeconds()

        static func - (later: Work, earlier: Work) -> Work {
            Work(
                multiplyAdds: later.multiplyAdds - earlier.multiplyAdds, seconds: later.seconds - earlier.seconds)
        }

        static func + (one: Work, other: Work) -> Work {
            Work(multiplyAdds: one.multiplyAdds + other.multiplyAdds, seconds: one.seconds + other.seconds)
        }
    }

    /// - Parameter machineRate: Operations per second of a large matmul.
    init(batchSize: Int, machineRate: Double) { (self.batchSize, self.machineRate) = (batchSize, machineRate) }

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

    /// Runs `body` and excludes its time and its work from what is measured of the steps.
    mutating func excluding<R>(_ body: () throws -> R) rethrows -> R {
        let (before, work) = (Date(), Work())
        defer {
            windowStart += Date().timeIntervalSince(before)
            worked = worked + (Work() - work)
        }
        return try body()
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
            worked = Work()
        }
        var record = MetricsRecord(
            step: step, loss: losses / Double(steps), lossByTime: lossByTime?.means,
            gradientNorm: norms / Double(steps), learningRate: learningRate, skippedSteps: skippedSteps,
            imagesPerSecond: Double(steps * batchSize) / seconds, dataWait: (waitSeconds - waitedBefore) / seconds,
            peakMemory: Double(peakResidentMemory()) / 1e9, seconds: now.timeIntervalSince(start))
        let work = Work() - worked
        record.processorsBusy = work.seconds / seconds
        record.machineShare = 2 * Double(work.multiplyAdds) / seconds / machineRate
        record.set(parts.mapValues { $0 / Double(steps) })
        if let exchange {
            record.exchangeSeconds = exchange.sums / .seconds(steps)
            record.exchangeHidden = exchange.hidden
        }
        return record
    }
}
