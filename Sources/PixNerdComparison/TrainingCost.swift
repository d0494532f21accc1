import Foundation
import PixNerdCheckpoints
import PixNerdModels
import PixNerdSupport
import PixNerdTraining

/// What the training of a run took.
public struct TrainingCost: Codable, Sendable, Equatable {
    /// So many seconds after the start of training a step was done.
    public struct Point: Codable, Sendable, Equatable {
        public let step: Int
        public let seconds: Double
    }

    public let steps: Int
    /// Images of a step.
    public let batch: Int
    public let parameters: Int
    /// Of a forward pass for one image; of an autoencoder there and back.
    public let multiplyAdds: Int
    /// Floating-point operations for each image of training: two for each multiply-add, a backward pass counted as two
    /// forward passes, and an autoencoder that encodes in the step counted in.
    public let operationsPerPicture: Double
    /// At the logged steps: seconds of training alone, over all sessions, without saving, sampling and measuring.
    public let points: [Point]
    /// Of all steps.
    public let seconds: Double
    public let picturesPerSecond: Double
    /// Of the process at its largest, in GB.
    public let peakMemory: Double

    /// Seconds until a step was done.
    public func seconds(at step: Int) -> Double {
        var before = Point(step: 0, seconds: 0)
        for point in points {
            if point.step >= step {
                let part = Double(step - before.step) / Double(max(1, point.step - before.step))
                return before.seconds + part * (point.seconds - before.seconds)
            }
            before = point
        }
        return before.seconds
    }

    /// Floating-point operations until a step was done.
    public func operations(at step: Int) -> Double { Double(step * batch) * operationsPerPicture }
}

extension TrainingCost {
    /// Of a denoiser, read off its run.
    ///
    /// - Parameter encoding: multiply-adds of encoding an image in each step; 0 where that is not done.
    /// - Throws: one sentence where the run does not hold what is needed.
    init(of run: RunDirectory, step: Int, _ configuration: Configuration, encoding: Int) throws {
        let architecture = try DenoiserCheckpoint(path: run.stepPath(step)).architecture(.ema)
        let reduction = configuration.reduction ?? 1
        let side = configuration.data.imageSize / reduction
        let forward = architecture.multiplyAdds(height: side, width: side)
        try self.init(
            run, step: step, configuration, parameters: architecture.parameterCount, multiplyAdds: forward,
            operationsPerPicture: 2 * Double(3 * forward + encoding))
    }

    /// Of an autoencoder.
    init(ofAutoencoder run: RunDirectory, step: Int, _ configuration: Configuration) throws {
        let architecture = try AutoencoderCheckpoint(path: run.stepPath(step)).architecture
        let side = configuration.data.imageSize
        let forward =
            architecture.encodingMultiplyAdds(height: side, width: side)
            + architecture.decodingMultiplyAdds(height: side, width: side)
        try self.init(
            run, step: step, configuration, parameters: architecture.parameterCount, multiplyAdds: forward,
            operationsPerPicture: 2 * Double(3 * forward))
    }

    private init(
        _ run: RunDirectory, step: Int, _ configuration: Configuration, parameters: Int, multiplyAdds: Int,
        operationsPerPicture: Double
    ) throws {
        let lines = (try? String(contentsOfFile: run.metricsPath, encoding: .utf8))?.split(separator: "\n") ?? []
        let records = lines.compactMap { try? JSONDecoder().decode(MetricsRecord.self, from: Data($0.utf8)) }
            .filter { $0.step <= step }
        guard records.last?.step == step else {
            throw ComparisonError(
                "\(run.metricsPath) does not say how long training to step \(step) took; take a run with all of its "
                    + "metrics.jsonl.")
        }
        let batch = configuration.training.batchSize
        var (seconds, before) = (0.0, 0)
        points = records.map { record in
            seconds += Double((record.step - before) * batch) / record.imagesPerSecond
            before = record.step
            return Point(step: record.step, seconds: seconds)
        }
        self.seconds = seconds
        picturesPerSecond = Double(step * batch) / seconds
        peakMemory = records.map(\.peakMemory).max() ?? 0
        steps = step
        (self.batch, self.parameters, self.multiplyAdds) = (batch, parameters, multiplyAdds)
        self.operationsPerPicture = operationsPerPicture
    }
}

extension Configuration {
    /// How many pixels along a side become one of what is diffused; nil where the autoencoder cannot be read.
    var reduction: Int? {
        guard space == .latent else { return 1 }
        return (try? AutoencoderCheckpoint(path: latent.autoencoder))?.architecture.reduction
    }
}
