import Foundation
import PixNerdCheckpoints
import PixNerdModels
import PixNerdSupport
import PixNerdTraining

/// Cost of training a run.
public struct TrainingCost: Codable, Sendable, Equatable {
    /// A logged step, with the seconds from the start of training until it was done.
    public struct Point: Codable, Sendable, Equatable {
        public let step: Int
        public let seconds: Double
    }

    public let steps: Int
    /// Images per step.
    public let batch: Int
    public let parameters: Int
    /// Multiply-adds of a forward pass for one image; for an autoencoder, of encoding and decoding.
    public let multiplyAdds: Int
    /// Floating-point operations per training image: two per multiply-add, with a backward pass counted as two forward
    /// passes, and with encoding if images are encoded in the step.
    public let operationsPerPicture: Double
    /// Cumulative seconds at the logged steps, over all sessions, without saving, sampling and evaluation.
    public let points: [Point]
    /// Seconds of all steps.
    public let seconds: Double
    public let picturesPerSecond: Double
    /// Peak memory of the process in GB.
    public let peakMemory: Double

    /// Seconds until a step was done, interpolated between logged steps.
    public func seconds(at step: Int) -> Double {
        var before = Point(step: 0, seconds: 0)
        for point in points {
            if point.step >= step {
                let part = (Double(step) - Double(before.step)) / max(1, Double(point.step) - Double(before.step))
                return before.seconds + part * (point.seconds - before.seconds)
            }
            before = point
        }
        return before.seconds
    }

    /// Floating-point operations until a step was done.
    public func operations(at step: Int) -> Double { Double(step) * Double(batch) * operationsPerPicture }
}

extension TrainingCost {
    /// Reads the training cost of a denoiser from its run.
    ///
    /// - Parameter encoding: multiply-adds of encoding one image in each step; 0 if latents are cached.
    /// - Throws: `PixNerdError` if the run lacks the required files.
    init(of run: RunDirectory, step: Int, _ configuration: Configuration, encoding: Int) throws {
        let architecture = try DenoiserCheckpoint(path: run.stepPath(step)).architecture(.ema)
        let reduction = configuration.reduction ?? 1
        let side = configuration.data.squareSide / reduction
        let forward = architecture.multiplyAdds(height: side, width: side)
        try self.init(
            run, step: step, configuration, parameters: architecture.parameterCount, multiplyAdds: forward,
            operationsPerPicture: 2 * Double(3 * forward + encoding))
    }

    /// Reads the training cost of an autoencoder from its run.
    init(ofAutoencoder run: RunDirectory, step: Int, _ configuration: Configuration) throws {
        let architecture = try AutoencoderCheckpoint(path: run.stepPath(step)).architecture
        let side = configuration.data.squareSide
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
            throw PixNerdError(
                .notFound, "\(run.metricsPath)", found: "does not say how long training to step \(step) took",
                expected: "a run with a complete metrics.jsonl")
        }
        let batch = configuration.training.batchSize
        var (seconds, before) = (0.0, 0)
        points = records.map { record in
            seconds += (Double(record.step) - Double(before)) * Double(batch) / record.imagesPerSecond
            before = record.step
            return Point(step: record.step, seconds: seconds)
        }
        self.seconds = seconds
        picturesPerSecond = Double(step) * Double(batch) / seconds
        peakMemory = records.map(\.peakMemory).max() ?? 0
        steps = step
        (self.batch, self.parameters, self.multiplyAdds) = (batch, parameters, multiplyAdds)
        self.operationsPerPicture = operationsPerPicture
    }
}

extension Configuration {
    /// Pixels per latent along each side, 1 in pixel space; nil if the autoencoder cannot be read.
    var reduction: Int? {
        guard space == .latent else { return 1 }
        return (try? AutoencoderCheckpoint(path: latent.autoencoder))?.architecture.reduction
    }
}
