import Diffusion
import Foundation
import Models
import Tensors

/// One line of `metrics.jsonl`.
public struct MetricsRecord: Codable, Sendable, Equatable {
    public var step: Int
    /// The mean over the steps since the last line.
    public var loss: Double
    /// The parts of it, the velocity's and the alignment's before its weight; nil where nothing is aligned.
    public var flow: Double?
    public var align: Double?
    /// The mean loss of the velocity in each tenth of the times, from noise to data; null where no time fell into it.
    public var lossByTime: [Double?]
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

    enum CodingKeys: String, CodingKey {
        case step, loss, flow, align, seconds
        case lossByTime = "loss_by_time"
        case gradientNorm = "gradient_norm"
        case learningRate = "learning_rate"
        case skippedSteps = "skipped_steps"
        case imagesPerSecond = "images_per_second"
        case dataWait = "data_wait"
        case peakMemory = "peak_memory_gb"
    }

    /// For a line of progress.
    var line: String {
        let parts = [("flow", flow), ("align", align)].compactMap { name, value in
            value.map { String(format: "  \(name) %.4f", $0) }
        }
        return String(format: "loss %.4f", loss) + parts.joined() + String(format: "  %.1f pictures/s", imagesPerSecond)
    }

    /// For TensorBoard.
    var scalars: [(tag: String, value: Double)] {
        let bins = lossByTime.enumerated().compactMap { index, loss in
            loss.map { (tag: String(format: "loss_by_time/%.1f", Double(index) / 10), value: $0) }
        }
        let parts = [("train/flow", flow), ("train/align", align)].compactMap { tag, value in value.map { (tag, $0) } }
        return parts + [
            ("train/loss", loss), ("train/gradient_norm", gradientNorm), ("train/learning_rate", learningRate),
            ("train/skipped_steps", Double(skippedSteps)), ("speed/images_per_second", imagesPerSecond),
            ("speed/data_wait", dataWait), ("speed/peak_memory_gb", peakMemory),
        ] + bins
    }
}

/// Sums between two lines of the log.
struct MetricsWindow {
    private let batchSize: Int
    private var losses = 0.0
    private var flows = 0.0
    /// Stays nil where nothing is aligned.
    private var aligns: Double?
    private var norms = 0.0
    private var steps = 0
    private var lossByTime = LossByTime()
    private let start = Date()
    private var windowStart = Date()
    private var waitedBefore = 0.0

    init(batchSize: Int) { self.batchSize = batchSize }

    mutating func add(_ result: FlowMatchingStep.Result, times: [Float]) {
        losses += Double(result.loss)
        flows += Double(result.flow)
        if let align = result.align { aligns = (aligns ?? 0) + Double(align) }
        norms += result.gradientNorm
        steps += 1
        lossByTime.add(times: times, losses: result.pictureLosses)
    }

    /// Runs `body`, whose time does not count for the pictures a second.
    mutating func excluding(_ body: () throws -> Void) rethrows {
        let before = Date()
        try body()
        windowStart += Date().timeIntervalSince(before)
    }

    mutating func record(step: Int, learningRate: Double, skippedSteps: Int, waitSeconds: Double) -> MetricsRecord {
        let now = Date()
        let seconds = max(now.timeIntervalSince(windowStart), 1e-9)
        defer {
            (losses, flows, aligns, norms, steps) = (0, 0, nil, 0, 0)
            lossByTime = LossByTime()
            windowStart = now
            waitedBefore = waitSeconds
        }
        return MetricsRecord(
            step: step, loss: losses / Double(steps), flow: aligns == nil ? nil : flows / Double(steps),
            align: aligns.map { $0 / Double(steps) }, lossByTime: lossByTime.means,
            gradientNorm: norms / Double(steps), learningRate: learningRate, skippedSteps: skippedSteps,
            imagesPerSecond: Double(steps * batchSize) / seconds, dataWait: (waitSeconds - waitedBefore) / seconds,
            peakMemory: Double(peakResidentMemory()) / 1e9, seconds: now.timeIntervalSince(start))
    }
}
