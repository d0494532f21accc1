import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// Going on with the weights of a checkpoint, which must have been trained on the same.
extension DenoiserPreparation {
    func load(_ directory: String, _ origins: TrainingOrigins) throws -> any TrainingTask {
        try space.expectSame(as: origins.autoencoder, directory, allowsOther: allowsOtherAutoencoder)
        let checkpoint = try DenoiserCheckpoint(path: directory)
        try checkText(origins.text, directory)
        try checkConditions(checkpoint)
        let model = try checkpoint.load(.raw, recomputesBlocks: configuration.training.recompute)
        guard architecture.isSame(as: try checkpoint.architecture(.raw)), let model = model as? any AlignableDenoiser
        else {
            throw PixNerdError(
                .mismatch, "\(directory)", found: "holds a model of other sizes than the configuration",
                advice: "resume with the run's own model section, or choose another name for a new run")
        }
        try checkFormat(try checkpoint.pixelFormat ?? .rgb8, directory)
        let alignment = try features.map { features in
            configuration.alignment(try projector(of: checkpoint, features, encoder: origins.encoder))
        }
        let recorded = try checkpoint.prediction(of: architecture)
        if let problem = configuration.problem(with: recorded) {
            throw PixNerdError(
                .mismatch, "\(directory)", found: problem,
                advice:
                    "resume with the run's own training.target and training.noise_scale, or choose another name for "
                    + "a new run")
        }
        try teacher?.expectSame(as: origins.teacher, directory)
        try shown?.expectSame(as: checkpoint, directory)
        let objective = objective(alignment) { recorded.subspace! }
        // Products are added to the weights that the run began with.
        let start =
            configuration.training.train == .lora ? try begunModel() ?? model : model
        let task = DenoiserTask(
            self, start, try conditioner, objective, try lessons,
            try part(of: start, after: objective.alignment?.projector.parameters.count ?? 0),
            control: checkpoint.controlRecord)
        if configuration.training.train != .all {
            try task.restore(model.parameters.map(\.value), from: directory)
        }
        return task
    }

    /// Checks that a checkpoint was trained on pixels of the same kind.
    private func checkFormat(_ recorded: PixelFormat, _ directory: String) throws {
        guard recorded != decoding.format else { return }
        throw PixNerdError(
            .mismatch, "\(directory)",
            found: "was trained on images of \(recorded), and those of the configuration are \(decoding.format)",
            advice:
                "resume with the run's own images, data.channels and data.range, or choose another name for a new run")
    }

    /// Checks that a checkpoint was trained on the values of the images, and on sets of classes if they have such.
    private func checkConditions(_ checkpoint: DenoiserCheckpoint) throws {
        func other(_ found: ErrorText, _ advice: ErrorText) -> PixNerdError {
            PixNerdError(
                .mismatch, "\(checkpoint.path)", found: found, advice: advice + ", or choose another name for a new run"
            )
        }
        let recorded = try checkpoint.values
        guard recorded == values else {
            func text(_ values: [TrainedValue]) -> String {
                values.isEmpty ? "none" : values.map(\.summary).joined(separator: "; ")
            }
            throw other(
                "was trained on other values (\(text(recorded))) than data.values and the images give "
                    + "(\(text(values)))", "resume with the run's own data.values and images")
        }
        guard checkpoint.takesSets == takesSets else {
            throw other(
                checkpoint.takesSets
                    ? "was trained on images with several classes or none, and each image has one now"
                    : "was trained on images with one class each, and some have several or none now",
                "resume with the run's own images")
        }
    }

    /// Checks that a checkpoint was trained with the text encoder of the configuration.
    private func checkText(_ recorded: RecordedTextEncoder?, _ directory: String) throws {
        guard let recorded, let own = text?.recorded else { return }
        guard recorded.encoder.isSame(as: own.encoder), recorded.emptyPrompt == own.emptyPrompt else {
            throw PixNerdError(
                .mismatch, "\(directory)",
                found: "was trained with the text encoder \(recorded.encoder.text), with an empty prompt that "
                    + "\(recorded.emptyPrompt.rawValue)",
                advice: "resume with the run's own text section, or choose another name for a new run")
        }
    }

    /// The projector of a checkpoint, checked against the run's features.
    private func projector(
        of checkpoint: DenoiserCheckpoint, _ features: FeatureSource, encoder: String?
    ) throws -> Projector {
        guard let projector = try checkpoint.projector() else {
            let name = "\(DenoiserCheckpoint.projectorPrefix)proj.*"
            throw PixNerdError(
                .mismatch, "\(checkpoint.path)", found: "was trained without alignment: it holds no \(name)",
                advice: "resume without repa.encoder and repa.features, or choose another name for a new run")
        }
        guard encoder == features.fingerprint else {
            throw PixNerdError(
                .mismatch, "\(checkpoint.path)",
                found: "was aligned with another encoder than that of the configuration (\(features.description))",
                advice: "resume with the run's own encoder, or choose another name for a new run")
        }
        let hidden = configuration.projectorWidth
        guard projector.outputs == features.width, projector.hidden == hidden else {
            throw PixNerdError(
                .mismatch, "\(checkpoint.path)",
                found: "holds a projector of width \(projector.hidden) for features of width \(projector.outputs)",
                expected: "widths \(hidden) and \(features.width)", advice: "resume with the run's own repa section")
        }
        return projector
    }
}
