import Foundation
import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSampling
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors
import PixNerdTraining

/// Cost of sampling images from a saved step.
public struct SamplingCost: Codable, Sendable, Equatable {
    public let pictures: Int
    /// Images per second including decoding, in the last session if there were several.
    public let picturesPerSecond: Double
    /// Peak memory of the process in GB.
    public let peakMemory: Double
    /// Multiply-adds of all denoiser evaluations for one image.
    public let denoising: Int
    /// Multiply-adds to decode one image.
    public let decoding: Int
}

extension PipelineComparison {
    /// Path of the samples of a step.
    func samplesPath(_ pipeline: String, _ step: Int, _ guidance: Float) -> String {
        "\(settings.path)/samples/\(pipeline)/step-\(step)-guidance-\(guidance).npz"
    }

    func samplerSettings(guidance: Float) -> SamplingSettings {
        let evaluation = settings.evaluation
        return SamplingSettings(
            steps: evaluation.steps,
            guidance: Guidance(
                scale: guidance, lowerTime: evaluation.guidanceLower, upperTime: evaluation.guidanceUpper),
            shift: evaluation.shift)
    }

    /// A saved step, ready to be sampled from.
    ///
    /// - Throws: `PixNerdError` where the step or its autoencoder cannot be read.
    func source(_ pipeline: Pipeline, step: Int, guidance: Float) throws -> CheckpointSampling {
        let (configuration, evaluation) = (pipeline.configuration, settings.evaluation)
        let sampler = samplerSettings(guidance: guidance)
        var options = SamplingOptions()
        options.weights = .ema
        options.autoencoder = configuration.space == .latent ? configuration.latent.autoencoder : nil
        options.size = configuration.data.imageSize
        options.route = .grid
        options.steps = sampler.steps
        (options.guidance, options.guidanceInterval) = (sampler.guidance.scales, sampler.guidance.times)
        options.shift = .value(sampler.shift)
        options.noise = .philox
        options.batch = evaluation.batch
        return try CheckpointSampling(path: pipeline.run.stepPath(step), options)
    }

    /// Requests for images of all classes, or of what images of the data have, in turn, with consecutive seeds; identical
    /// for every pipeline.
    ///
    /// - Throws: `PixNerdError` if the captions cannot be read.
    func requests(_ pipeline: Pipeline, _ conditioner: any Conditioner) throws -> [PictureRequest] {
        let count = settings.evaluation.pictures
        let prompts = try pipeline.configuration.prompts(for: conditioner, most: count)
        return RequestList.count(count, prompts: prompts, labels: .balanced, firstSeed: settings.evaluation.seed)
    }

    /// Everything that determines the samples of a step.
    func provenance(_ pipeline: Pipeline, step: Int, guidance: Float) throws -> SamplingProvenance {
        let checkpoint = try DenoiserCheckpoint(path: pipeline.run.stepPath(step))
        let side = pipeline.configuration.data.squareSide
        return try SamplingProvenance(
            file: checkpoint.file(of: .ema), weights: .ema, size: PictureSize(height: side, width: side), route: .grid,
            settings: samplerSettings(guidance: guidance), noise: .philox, autoencoder: checkpoint.autoencoder,
            tile: nil, precision: pipeline.configuration.precision, batch: settings.evaluation.batch)
    }

    /// Samples the images of a step. Images of an interrupted session are kept.
    func sample(
        _ pipeline: Pipeline, step: Int, guidance: Float, shouldStop: () -> Bool
    ) throws -> SamplingCost {
        let source = try source(pipeline, step: step, guidance: guidance)
        for warning in source.warnings { logger.warning("\(warning.text { $0.rawValue })") }
        let conditioner = source.loaded.conditioner
        let job = try source.job(requests(pipeline, conditioner))
        let plan = SamplePlan(
            path: samplesPath(pipeline.name, step, guidance), requests: job.requests,
            conditioner: conditioner,
            manifest: SampleManifest(
                program: program, checkpoint: source.checkpointPath,
                provenance: try provenance(pipeline, step: step, guidance: guidance)),
            overwrites: false, format: source.loaded.format)
        var output = try openedAnew(plan)
        let (count, fresh) = (job.requests.count, job.requests.count - output.kept)
        let start = ContinuousClock().now
        try job.run(
            isDone: { output.holds($0) }, isCancelled: shouldStop,
            afterStep: { moment in
                onProgress(WorkProgress(done: moment.done, total: moment.total, details: counted(count, "image")))
            },
            receive: { pixels, first in try output.write(pixels, first: first) })
        let seconds = (ContinuousClock().now - start) / .seconds(1)
        try output.finish()
        let (side, reduction) = (source.size.height, source.loaded.reduction)
        let forward = source.loaded.architecture.multiplyAdds(height: side / reduction, width: side / reduction)
        let decoder = source.loaded.autoencoder?.model.architecture
        return SamplingCost(
            pictures: count, picturesPerSecond: Double(fresh) / seconds,
            peakMemory: Double(peakResidentMemory()) / 1e9, denoising: job.evaluations * forward,
            decoding: decoder?.decodingMultiplyAdds(height: side, width: side) ?? 0)
    }

    /// Opens the output of a plan. Images that were made with other settings are removed, as their record is invalid.
    private func openedAnew(_ plan: SamplePlan) throws -> any SampleOutput {
        let manager = FileManager.default
        for path in [plan.path, "\(plan.path).json"] where manager.fileExists(atPath: path) {
            try manager.removeItem(atPath: path)
        }
        do {
            return try plan.open(rowOrderSeed: settings.evaluation.seed)
        } catch let error as PixNerdError where error.kind == .alreadyExists {
            logger.notice("\(error.description) Sampling these images again.")
            try manager.removeItem(atPath: "\(plan.path).parts")
            return try plan.open(rowOrderSeed: settings.evaluation.seed)
        }
    }
}

/// Predicted images along the denoising trajectories of a few samples.
public struct TrajectoryRecord: Codable, Sendable, Equatable {
    /// Steps that are recorded.
    public let steps: [Int]
    /// Times of these steps.
    public let times: [Float]
    /// Class of each image, 0 where `prompts` say what it is; the file holds all steps of one image after the other.
    public let labels: [Int]
    /// Text of each image, or the names of its classes and values; nil for single classes.
    public let prompts: [String]?
    public let seeds: [UInt64]
}

extension PipelineComparison {
    /// Path of the images of a pipeline's trajectories.
    func trajectoryPath(_ pipeline: String) -> String { "\(settings.path)/samples/\(pipeline)/trajectory.npz" }

    /// Records the predictions at some steps for the first images, with the largest guidance scale.
    func trajectory(_ pipeline: Pipeline, step: Int) throws -> TrajectoryRecord {
        let source = try source(pipeline, step: step, guidance: settings.evaluation.guidance.max() ?? 1)
        let requests = Array(try requests(pipeline, source.loaded.conditioner).prefix(3))
        let job = try source.job(requests)
        let count = min(8, job.settings.steps)
        let shown = (1...count).map { ($0 * job.settings.steps + count - 1) / count }
        var frames: [[RGBImage]] = []
        try job.run(
            afterStep: { if shown.contains($0.step) { frames.append($0.predicted()) } }, receive: { _, _ in })
        let pictures = requests.indices.flatMap { place in frames.map { $0[place] } }
        try PictureArray.write(pictures, to: trajectoryPath(pipeline.name))
        return TrajectoryRecord(
            steps: shown, times: shown.map { job.settings.times[$0 - 1] },
            labels: requests.map { $0.prompt.label ?? 0 },
            prompts: requests.allSatisfy { $0.prompt.label != nil && $0.prompt.values.isEmpty }
                ? nil : requests.map { source.loaded.conditioner.name(of: $0.prompt) },
            seeds: requests.map(\.seed))
    }
}
