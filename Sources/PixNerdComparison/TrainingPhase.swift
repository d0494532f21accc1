import Foundation
import PixNerdCheckpoints
import PixNerdEvaluation
import PixNerdModels
import PixNerdSupport
import PixNerdTensors
import PixNerdTraining

/// Record of the evaluation of one saved step.
struct EvaluationRecord: Codable {
    let report: EvaluationReport
}

extension PipelineComparison {
    /// Trains a run to its last step, resuming if it exists.
    ///
    /// - Returns: whether the last step was reached.
    func train(_ configuration: Configuration, _ shouldStop: () -> Bool) throws -> Bool {
        let run = RunDirectory(existing: configuration.runPath)
        let isThere = FileManager.default.fileExists(atPath: run.configurationPath)
        if isThere { try expectSame(run, configuration) }
        let (saved, steps) = (run.savedSteps, configuration.training.steps)
        guard !saved.contains(steps) else { return true }
        if let last = saved.last, last > steps {
            throw PixNerdError(
                .mismatch, "\(run.path)", found: "was trained to step \(last) and has not saved step \(steps)",
                advice: "ask for more steps, or rename the comparison with \(Setting.overrides) name=NAME")
        }
        let trainer = try Trainer(configuration, resume: isThere, logger: logger)
        return try trainer.train(shouldStop: shouldStop)
    }

    /// Checks that an existing run was trained with the same settings.
    private func expectSame(_ run: RunDirectory, _ configuration: Configuration) throws {
        let earlier = try Configuration(yaml: run.configurationPath)
        let changes = configuration.differences(from: earlier).filter { $0.key.changesTraining(configuration) }
        guard let change = changes.first else { return }
        throw PixNerdError(
            .mismatch, "\(run.path)",
            found: "was trained with \(change.key.name) \(change.other), but the comparison asks for \(change.own)",
            advice: "set it back, or rename the comparison with \(Setting.overrides) name=NAME")
    }

    func trainingCost(_ pipeline: Pipeline) throws -> TrainingCost {
        let configuration = pipeline.configuration
        var encoding = 0
        if configuration.space == .latent, configuration.latent.cache.isEmpty {
            let side = configuration.data.squareSide
            encoding = try AutoencoderCheckpoint(path: configuration.latent.autoencoder).architecture
                .encodingMultiplyAdds(height: side, width: side)
        }
        return try TrainingCost(
            of: pipeline.run, step: configuration.training.steps, configuration, encoding: encoding)
    }

    func autoencoderCost(_ configuration: Configuration) throws -> TrainingCost {
        try TrainingCost(
            ofAutoencoder: RunDirectory(existing: configuration.runPath), step: configuration.training.steps,
            configuration)
    }

    /// Cost of training a pipeline's autoencoder; nil in pixel space, or if unknown.
    func autoencoderCost(of pipeline: Pipeline) -> TrainingCost? {
        guard pipeline.configuration.space == .latent else { return nil }
        if let autoencoder = pipeline.autoencoder { return try? autoencoderCost(autoencoder) }
        // The path is a run of an autoencoder, or a step in one.
        let path = pipeline.configuration.latent.autoencoder
        let candidates = [path, URL(fileURLWithPath: path).deletingLastPathComponent().path]
        for run in candidates.map(RunDirectory.init(existing:)) {
            guard let configuration = try? Configuration(yaml: run.configurationPath),
                configuration.kind == .autoencoder, let step = run.savedSteps.last
            else { continue }
            return try? TrainingCost(ofAutoencoder: run, step: step, configuration)
        }
        return nil
    }

    /// Everything that determines the outcome of a unit.
    ///
    /// - Throws: `PixNerdError` if the unit's inputs do not exist yet.
    func recordSettings(_ unit: ComparisonUnit) throws -> [String: String] {
        let pipeline = pipeline(unit.pipeline)
        switch unit {
        case .autoencoder: return trainingSettings(pipeline.autoencoder ?? pipeline.configuration)
        case .training: return trainingSettings(pipeline.configuration)
        case .space:
            var result = measuringSettings(pipeline)
            result["round_trips"] = "\(settings.evaluation.roundTrips)"
            if pipeline.configuration.space == .latent {
                let file = try AutoencoderCheckpoint(path: pipeline.configuration.latent.autoencoder).file
                result["autoencoder"] = try Fingerprint.text(ofFile: file.path)
            }
            return result
        case .sampling(_, let step, let guidance):
            return try samplingSettings(pipeline, step: step, guidance: guidance)
        case .evaluation(_, let step, let guidance):
            var result = measuringSettings(pipeline)
            result["samples"] = try Fingerprint.text(ofFile: samplesPath(pipeline.name, step, guidance))
            result["reference_pictures"] = "\(referenceLimit)"
            return result
        case .trajectory:
            let step = measuredSteps(pipeline).last ?? 0
            return try samplingSettings(pipeline, step: step, guidance: settings.evaluation.guidance.max() ?? 1)
        }
    }

    private func trainingSettings(_ configuration: Configuration) -> [String: String] {
        let keys = Configuration.keys.filter { $0.changesTraining(configuration) || $0.name == "training.steps" }
        return Dictionary(uniqueKeysWithValues: keys.map { ($0.name, $0.read(configuration)) })
    }

    private func samplingSettings(_ pipeline: Pipeline, step: Int, guidance: Float) throws -> [String: String] {
        let knobs = try JSON.encoder(isPretty: true).encode(
            try provenance(pipeline, step: step, guidance: guidance))
        let evaluation = settings.evaluation
        return [
            "knobs": String(decoding: knobs, as: UTF8.self), "pictures": "\(evaluation.pictures)",
            "seed": "\(evaluation.seed)",
        ]
    }
}
