import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdEvaluation
import PixNerdImages
import PixNerdModels
import PixNerdSampling
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors
import PixNerdTraining

/// Makes images of a run's step with candidate settings, and measures their distance to real ones.
final class CandidateMeasurement {
    /// The settings that sampling the run takes by itself.
    let before: TuningCandidate
    let run: RunDirectory
    let step: Int
    /// Path of the real images.
    let reference: String
    /// Averages that the run keeps; nil if it keeps none.
    let averages: RunAverages?
    private let base: SamplingSettings
    private let configuration: Configuration
    private let settings: TuningSettings
    private let extractor: (any FeatureExtractor)?
    /// The weights that were sampled last.
    private var loaded: (length: Double?, source: CheckpointSampling)
    /// The real images of each number that was needed, and what was measured of them.
    private var real: [Int: (source: EvaluationSource, measured: Evaluation.MeasuredReal)] = [:]
    /// Paths of averages that were computed for candidates.
    private var computed: [String] = []
    private let unreadable: (String) -> Void

    /// Number of bootstrap resamples of the final comparison.
    private static let resamples = 50

    /// - Parameter unreadable: receives the reason for each real image that is skipped.
    /// - Throws: `PixNerdError` if the run or the real images cannot be read.
    init(run path: String, _ settings: TuningSettings, unreadable: @escaping (String) -> Void) throws {
        run = RunDirectory(existing: path)
        guard let step = run.savedSteps.last, FileManager.default.fileExists(atPath: run.configurationPath) else {
            throw PixNerdError(
                .notFound, "\(path)", found: "is not a run with a saved step", expected: "the directory of a run")
        }
        self.step = step
        configuration = try Configuration(yaml: run.configurationPath)
        guard configuration.kind == .denoiser else {
            throw PixNerdError(.mismatch, "\(path)", found: "is the run of an autoencoder, which is not sampled from")
        }
        let averages = run.averagedSteps.contains(step) ? try RunAverages(run: path, step: step) : nil
        let extractor = try settings.weights.map { try settings.network.extractor(path: $0, input: settings.input) }
        guard extractor != nil || !settings.measure.needsFeatures else {
            throw PixNerdError(
                .notFound, "The measure \(settings.measure.rawValue)", found: "needs a network",
                advice: "set \(Setting.weights) to its file")
        }
        reference = settings.reference ?? configuration.data.root
        var options = SamplingOptions()
        options.batch = settings.batch
        let source = try CheckpointSampling(path: path, options)
        base = source.settings
        let length = source.checkpointPath == run.stepPath(step) ? nil : try ChosenSampling(run: path)?.average?.length
        before = TuningCandidate(length: length, base)
        (loaded, self.averages, self.extractor) = ((length, source), averages, extractor)
        (self.settings, self.unreadable) = (settings, unreadable)
        _ = try realSource(images: settings.images)
    }

    /// Number of real images that sampled ones are compared with: twice as many. Fréchet distances need as many as there
    /// are.
    private func realImages(_ images: Int) -> Int { 2 * (settings.measure.needsFeatures ? settings.images : images) }

    private func realSource(images: Int) throws -> EvaluationSource {
        do {
            return try EvaluationSource(path: reference, limit: realImages(images))
        } catch let error as PixNerdError where settings.reference == nil {
            throw PixNerdError(
                error.kind, "The training images of the run", found: "cannot be compared with: \(clause(error))",
                advice: "name a folder of real images with \(Setting.reference)")
        }
    }

    /// Whether the guidance of two velocities has an effect on the model.
    var isGuided: Bool {
        before.sampler != .jumps && !TrainedConditions(dropout: configuration.labelDropout).forbidGuidance
    }

    /// The scales that the model may be told; nil if it is not told its guidance.
    var toldScales: ClosedRange<Float>? { loaded.source.toldScales }

    /// Everything that measured values depend on besides settings, number of images and first seed.
    func conditions(program: String) throws -> TuningRecord.Conditions {
        TuningRecord.Conditions(
            program: program, step: step,
            weights: try Fingerprint.text(ofFile: "\(run.stepPath(step))/\(WeightKind.ema.fileName)"),
            measure: settings.measure.rawValue, reference: reference,
            referenceImages: settings.measure.needsFeatures ? realImages(settings.images) : nil,
            features: extractor?.fingerprint, precision: Precision.current.rawValue, seed: settings.seed)
    }

    /// Makes images, of the classes or captions in turn.
    ///
    /// - Parameters:
    ///   - afterStep: called after each step of sampling.
    ///   - isCancelled: returns whether to end with `CancellationError`.
    /// - Returns: the images; nil if they have pixels that are not finite.
    func images(
        _ candidate: TuningCandidate, count: Int, firstSeed: UInt64, afterStep: () -> Void,
        isCancelled: () -> Bool
    ) throws -> [RGBImage]? {
        let source = try source(of: candidate.length)
        let prompts = try configuration.prompts(for: source.loaded.conditioner, most: count)
        let requests = RequestList.count(count, prompts: prompts, labels: .balanced, firstSeed: firstSeed)
        let job = try source.job(requests, settings: candidate.applied(to: base))
        var (images, isFinite) = ([RGBImage](), true)
        try job.run(
            isCancelled: isCancelled, afterStep: { _ in afterStep() },
            receive: { pixels, _ in
                isFinite = isFinite && pixels.isFinite
                images += shownPictures(pixels, job.space.format)
            })
        return isFinite ? images : nil
    }

    private func source(of length: Double?) throws -> CheckpointSampling {
        guard length != loaded.length else { return loaded.source }
        var options = SamplingOptions()
        (options.batch, options.weights) = (settings.batch, .ema)
        let path = try length.map(average) ?? run.stepPath(step)
        loaded = (length, try CheckpointSampling(path: path, options))
        return loaded.source
    }

    /// The path of the average of a length, which is computed if it is not there.
    private func average(length: Double) throws -> String {
        let path = ChosenSampling.Average(length: length, step: step).path(in: run)
        guard !FileManager.default.fileExists(atPath: path), let averages else { return path }
        try averages.write(try averages.reconstruction(length: length), length: length, to: path)
        computed.append(path)
        return path
    }

    /// Removes the average of a length, which is no longer sampled from.
    func removeAverage(_ length: Double?) {
        guard let length else { return }
        try? FileManager.default.removeItem(atPath: ChosenSampling.Average(length: length, step: step).path(in: run))
    }

    /// Removes the averages that were computed here.
    ///
    /// - Parameter kept: the length of the one to keep; nil for none.
    func removeAverages(besides kept: Double?) {
        let kept = kept.map { ChosenSampling.Average(length: $0, step: step).path(in: run) }
        for path in computed where path != kept { try? FileManager.default.removeItem(atPath: path) }
    }

    /// Measures images.
    ///
    /// - Parameter isFinal: whether to resample the images, for the spread of the measure.
    /// - Throws: `PixNerdError` if the measure is not defined for such images.
    func measure(_ images: [RGBImage], isFinal: Bool) throws -> EvaluationReport.Measure {
        var options = Evaluation.Settings()
        options.resamples = isFinal ? Self.resamples : 0
        options.size = ImageSize(height: images[0].height, width: images[0].width)
        options.precision = Precision.current
        let count = realImages(images.count)
        let known = real[count]
        let evaluation = try Evaluation(
            real: known?.source ?? realSource(images: images.count),
            generated: EvaluationSource(images, name: "sampled images"), extractor: extractor,
            weights: settings.weights, settings: options)
        let measured = try known?.measured ?? evaluation.measuredReal(unreadable: unreadable)
        if known == nil { real[count] = (evaluation.real, measured) }
        let report = try evaluation.run(program: "", real: measured).report
        guard let measure = report[settings.measure.rawValue] else {
            throw PixNerdError(
                .unsupported, "The measure \(settings.measure.rawValue)",
                found: "is not defined for images of \(images[0].height) x \(images[0].width) and these features",
                advice: "choose another one")
        }
        return measure
    }
}

extension Setting {
    /// The real images that settings are tuned on.
    public static let reference = Setting(rawValue: "reference")
}
