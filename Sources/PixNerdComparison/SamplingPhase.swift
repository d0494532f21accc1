import Foundation
import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSampling
import PixNerdTensors
import PixNerdTraining

/// What sampling pictures from a saved step took.
public struct SamplingCost: Codable, Sendable, Equatable {
    public let pictures: Int
    /// Decoding counted in; of the last session, where it took several.
    public let picturesPerSecond: Double
    /// Of the process at its largest, in GB.
    public let peakMemory: Double
    /// Of a picture: all evaluations of the denoiser, and decoding.
    public let denoising: Int
    public let decoding: Int
}

/// Thrown by work that was asked to stop.
struct StopRequest: Error {}

/// A saved step that pictures are sampled from.
struct SampledStep {
    let checkpoint: PixNerdCheckpoint
    let model: PixNerd
    let autoencoder: LatentAutoencoder?
    let space: any Space
    let size: PictureSize
    let names: [String]

    /// - Throws: one sentence where the step or its autoencoder cannot be read.
    init(_ pipeline: Pipeline, step: Int) throws {
        checkpoint = try PixNerdCheckpoint(path: pipeline.run.stepPath(step))
        (model, autoencoder) = try checkpoint.load(
            .ema,
            autoencoder: pipeline.configuration.space == .latent ? pipeline.configuration.latent.autoencoder : nil,
            allowsOther: false)
        space = autoencoder?.space(tiles: nil) ?? PixelSpace()
        size = PictureSize(height: pipeline.configuration.data.imageSize, width: pipeline.configuration.data.imageSize)
        names = checkpoint.classNames ?? (0..<model.classes).map(String.init)
    }
}

extension PipelineComparison {
    /// Where the pictures of a step are.
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

    /// Pictures of every class in turn from seeds that count on: the same for every pipeline.
    func requests(classes: Int) -> [PictureRequest] {
        RequestList.count(
            settings.evaluation.pictures, classes: Array(0..<classes), labels: .balanced,
            firstSeed: settings.evaluation.seed)
    }

    /// Everything that decides what the pictures of a step become.
    func knobs(_ pipeline: Pipeline, step: Int, guidance: Float) throws -> SampleKnobs {
        let checkpoint = try PixNerdCheckpoint(path: pipeline.run.stepPath(step))
        let (sampler, side) = (samplerSettings(guidance: guidance), pipeline.configuration.data.imageSize)
        return SampleKnobs(
            checkpointHash: try Fingerprint.text(ofFile: checkpoint.file(of: .ema)), weights: WeightKind.ema.rawValue,
            height: side, width: side, canvasHeight: side, canvasWidth: side, route: "grid", sampler: "euler",
            order: nil, steps: sampler.steps, lastStep: nil, shift: sampler.shift, guidance: sampler.guidance.scales,
            guidanceTimes: sampler.guidance.times, noise: "philox", noiseHash: nil,
            autoencoder: checkpoint.autoencoder.map { "\($0.fingerprint), \($0.scale.text)" },
            precision: pipeline.configuration.precision, batch: settings.evaluation.batch)
    }

    /// Samples the pictures of a step; what a session that was stopped made is kept.
    func sample(
        _ pipeline: Pipeline, step: Int, guidance: Float, shouldStop: () -> Bool
    ) throws -> SamplingCost {
        let loaded = try SampledStep(pipeline, step: step)
        let requests = requests(classes: loaded.model.classes)
        let path = samplesPath(pipeline.name, step, guidance)
        let plan = SamplePlan(
            path: path, requests: requests, names: loaded.names,
            manifest: SampleManifest(
                program: program, checkpoint: loaded.checkpoint.path,
                knobs: try knobs(pipeline, step: step, guidance: guidance)),
            overwrites: false)
        var output = try openedAnew(plan)
        let (fresh, sampler) = (requests.count - output.kept, samplerSettings(guidance: guidance))
        let progress = Progress(total: sampler.steps * ((fresh + plan.batch - 1) / plan.batch))
        let start = ContinuousClock().now
        try samplePictures(
            loaded.model, in: loaded.space, requests, size: loaded.size, settings: sampler, batchSize: plan.batch,
            isDone: { output.holds($0) },
            afterStep: { moment in
                progress.show(moment.done, "\(requests.count) pictures")
                if shouldStop() { throw StopRequest() }
            },
            receive: { pixels, first in try output.write(pixels, first: first) })
        progress.finish()
        let seconds = (ContinuousClock().now - start) / .seconds(1)
        try output.finish()
        let side = loaded.size.height
        let latentSide = side / loaded.space.reduction
        let forward = loaded.model.architecture.multiplyAdds(height: latentSide, width: latentSide)
        let evaluations = sampler.times.dropLast().reduce(0) { $0 + (sampler.guidance.scale(at: $1) == 1 ? 1 : 2) }
        return SamplingCost(
            pictures: requests.count, picturesPerSecond: Double(fresh) / seconds,
            peakMemory: Double(peakResidentMemory()) / 1e9, denoising: evaluations * forward,
            decoding: loaded.autoencoder?.model.architecture.decodingMultiplyAdds(height: side, width: side) ?? 0)
    }

    /// The output of a plan; pictures that were made otherwise are removed, for their record is no longer valid.
    private func openedAnew(_ plan: SamplePlan) throws -> any SampleOutput {
        let manager = FileManager.default
        for path in [plan.path, "\(plan.path).json"] where manager.fileExists(atPath: path) {
            try manager.removeItem(atPath: path)
        }
        do {
            return try plan.open(rowOrderSeed: settings.evaluation.seed)
        } catch let error as SamplingError {
            logger.notice("\(error.description) Its part is sampled anew.")
            try manager.removeItem(atPath: "\(plan.path).parts")
            return try plan.open(rowOrderSeed: settings.evaluation.seed)
        }
    }
}

/// The picture that each step of sampling points at.
public struct TrajectoryRecord: Codable, Sendable, Equatable {
    /// Steps that are shown, and their times.
    public let steps: [Int]
    public let times: [Float]
    /// Of the pictures, each with all of its steps in the file.
    public let labels: [Int]
    public let seeds: [UInt64]
}

extension PipelineComparison {
    /// Where the pictures of a pipeline's trajectory are.
    func trajectoryPath(_ pipeline: String) -> String { "\(settings.path)/samples/\(pipeline)/trajectory.npz" }

    /// Keeps what some steps point at, of the first pictures, guided as strongly as is measured.
    func trajectory(_ pipeline: Pipeline, step: Int) throws -> TrajectoryRecord {
        let loaded = try SampledStep(pipeline, step: step)
        let requests = Array(requests(classes: loaded.model.classes).prefix(3))
        let sampler = samplerSettings(guidance: settings.evaluation.guidance.max() ?? 1)
        let count = min(8, sampler.steps)
        let shown = (1...count).map { ($0 * sampler.steps + count - 1) / count }
        var frames: [[RGBImage]] = []
        samplePictures(
            loaded.model, in: loaded.space, requests, size: loaded.size, settings: sampler, batchSize: requests.count,
            afterStep: { if shown.contains($0.step) { frames.append($0.predicted()) } }, receive: { _, _ in })
        let pictures = requests.indices.flatMap { place in frames.map { $0[place] } }
        try PictureArray.write(pictures, to: trajectoryPath(pipeline.name))
        return TrajectoryRecord(
            steps: shown, times: shown.map { sampler.times[$0 - 1] }, labels: requests.map(\.label),
            seeds: requests.map(\.seed))
    }
}
