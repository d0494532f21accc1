import Foundation
import PixNerdDiffusion
import PixNerdImages
import PixNerdLayers
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// The requirements of training a denoiser: images in classes, a space, and features if tokens are aligned.
struct DenoiserPreparation: TrainingPreparation {
    let configuration: Configuration
    let holdout: Holdout
    /// Side at which images are loaded: the training size, or, if patches are also decoded at larger sizes, the largest
    /// of these that the images have, because real detail is better than enlarged images. With an encoder it is the
    /// training size, which the features are computed at.
    let loadedSize: Int
    let space: TrainingSpace
    /// The source of the captions' rows; nil for a model of classes.
    let text: TextSource?
    /// The features that tokens are aligned with; nil for none.
    let features: FeatureSource?
    /// The trained model that a model of few steps learns from; nil for none.
    let teacher: Teacher?
    let architecture: any TrainableArchitecture
    let memory: MemoryEstimate
    /// Whether a run may be resumed with another autoencoder.
    private let allowsOtherAutoencoder: Bool

    /// Finds and checks the requirements of a configuration.
    ///
    /// - Throws: `PixNerdError` if something is missing or does not fit.
    init(_ asked: Configuration, allowsOtherAutoencoder: Bool) throws {
        var configuration = asked
        self.allowsOtherAutoencoder = allowsOtherAutoencoder
        let pictures = try Self.pictures(configuration, configuration.data.root)
        holdout = try Holdout(configuration, pictures) { try Self.pictures(asked, $0) }
        text = try TextSource(configuration, pictures, heldOut: holdout.isShare ? nil : holdout.source?.captions)
        if let text {
            (configuration.model.textWidth, configuration.model.textLength) = (
                text.recorded.encoder.width, configuration.text.length
            )
        } else {
            try Self.checkClasses(&configuration, pictures)
        }
        try configuration.addAugmentation()
        teacher = try Teacher(configuration)
        try configuration.addFewSteps(teacher)
        // Reports an invalid architecture before an encoder is read.
        _ = try configuration.architecture(channels: 3)
        try Self.checkFieldSizes(configuration)
        try configuration.checkOptimizer()
        try Self.checkDropout(configuration)
        space = try TrainingSpace(configuration, pictures)
        architecture = try configuration.architecture(channels: space.space.channels)
        let patch = configuration.model.patchSize * space.space.reduction
        if let problem = sizeProblem(configuration.data.imageSize, multiple: patch) {
            throw PixNerdError(.invalidValue, "data.image_size", found: "\(problem)")
        }
        try Self.checkGrid(configuration, patch: patch)
        try configuration.checkObjective(
            patchValues: space.space.channels * configuration.model.patchSize * configuration.model.patchSize,
            blocks: architecture.tokenBlocks)
        try teacher?.expectFits(configuration, architecture, space, pictures, text)
        features = try FeatureSource(configuration, pictures, patch: patch)
        let (size, finest) = (configuration.data.imageSize, configuration.training.fieldSizes.max() ?? 0)
        loadedSize = finest > size && features == nil ? max(size, min(finest, pictures.usualSide)) : size
        var memory = Self.memory(
            configuration, architecture, space, features, text,
            encodes: space.cache == nil || !configuration.data.holdoutRoot.isEmpty)
        if let teacher { memory.addTeacher(parameters: teacher.architecture.parameterCount) }
        self.memory = memory
        self.configuration = configuration
    }

    /// The images of a folder or of shards, with captions if the model is conditioned on them.
    private static func pictures(_ configuration: Configuration, _ root: String) throws -> ImageCollection {
        guard let captions = configuration.captionOptions else {
            if let key = configuration.firstCaptionKeyInUse {
                throw PixNerdError(
                    .mismatch, "\(key)", found: "is set, but neither text.encoder nor text.cache is",
                    advice: "set one of them to condition on captions, or remove the key")
            }
            return try ImageCollection.open(root: root)
        }
        return try ImageCollection.open(root: root, captions: captions)
    }

    private static func checkClasses(_ configuration: inout Configuration, _ pictures: ImageCollection) throws {
        let classes = pictures.classes.count
        if configuration.model.classes == 0 { configuration.model.classes = classes }
        guard configuration.model.classes >= classes else {
            throw PixNerdError(
                .mismatch, "model.num_classes",
                found: "is \(configuration.model.classes), but \(pictures.root) has \(classes) classes",
                advice: "remove it, or set it to at least \(classes)")
        }
    }

    private static func checkDropout(_ configuration: Configuration) throws {
        let blocks = try configuration.architecture(channels: 3).tokenBlocks
        guard configuration.model.dropout > 0, BlockDropout.blocks(of: blocks).isEmpty else { return }
        throw PixNerdError(
            .mismatch, "model.dropout",
            found: "is set, but acts in the middle half of the transformer blocks, and the model has only \(blocks)",
            expected: "at least 4 blocks", advice: "add blocks, or remove model.dropout")
    }

    private static func checkFieldSizes(_ configuration: Configuration) throws {
        guard !configuration.training.fieldSizes.isEmpty else { return }
        let reason: String
        if configuration.model.head == .linear {
            reason = "model.head is linear, which decodes patches at only one density"
        } else if configuration.space == .latent {
            reason = "space is latent, and latents cannot be resized"
        } else {
            return
        }
        throw PixNerdError(
            .mismatch, "training.field_sizes", found: "is set, but \(reason)", advice: "remove one of them")
    }

    private static func checkGrid(_ configuration: Configuration, patch: Int) throws {
        let grid = configuration.data.imageSize / patch
        if let side = configuration.training.fieldSizes.first(where: { $0 % grid != 0 }) {
            throw PixNerdError(
                .invalidValue, "training.field_sizes",
                found: "holds \(side), which a grid of \(grid) x \(grid) patches does not divide",
                expected: "multiples of \(grid)")
        }
    }

    private static func memory(
        _ configuration: Configuration, _ architecture: any TrainableArchitecture, _ space: TrainingSpace,
        _ features: FeatureSource?, _ text: TextSource?, encodes: Bool
    ) -> MemoryEstimate {
        let training = configuration.training
        let (batch, reduction) = (training.batchSize / training.accumulate, space.space.reduction)
        var estimate = MemoryEstimate(
            architecture, averages: training.emaDecay.count + training.emaLengths.count, batch: batch,
            size: configuration.data.imageSize / reduction, recompute: training.recompute,
            precision: configuration.precision)
        if training.optimizer == .muon { estimate.useMuon(on: architecture.blockMatrixParameters) }
        if let finest = training.fieldSizes.max() { estimate.addFields(side: finest, batch: batch) }
        if let features {
            let side = configuration.data.imageSize / reduction / architecture.patchSize
            estimate.addAlignment(
                inputs: architecture.tokenWidth, hidden: configuration.projectorWidth, outputs: features.width,
                tokens: (CheckedInt(batch) * CheckedInt(side) * CheckedInt(side)).clamped)
            if let encoder = features.encoder { estimate.add(encoder, grid: side, precision: configuration.precision) }
        }
        if let encoder = text?.encoder { estimate.add(encoder, texts: batch, length: configuration.text.length) }
        if let autoencoder = space.autoencoder {
            estimate.add(autoencoder.model, size: configuration.data.imageSize, encodes: encodes)
        }
        return estimate
    }

    var description: [(name: String, text: String)] {
        let size = configuration.data.imageSize
        let side = size / space.space.reduction
        let giga = Double(architecture.multiplyAdds(height: side, width: side)) / 1e9
        var lines = [
            (
                "images",
                "\(pictures.samples.count) \(text == nil ? "in \(pictures.classes.count) classes" : "with captions"), at "
                    + "\(size) x \(size)"
            )
        ]
        if let text = holdout.description(configuration.training) { lines.append(("held out", text)) }
        lines.append(
            (
                "model",
                "\(architecture.parameterCount) parameters, \(String(format: "%.3g", giga)) G multiply-adds per image"
                    + (architecture.decodesFields ? "" : ", linear head")
            ))
        if configuration.training.optimizer == .muon {
            let step = Double(configuration.training.batchSize) * giga
            lines.append(("optimizer", architecture.muonDescription(batchGiga: step)))
        }
        if let teacher { lines.append(("teacher", teacher.description)) }
        if let text { lines.append(("text", text.description)) }
        if let text = space.description { lines.append(("latents", text)) }
        if let features {
            lines.append(("aligned", "block \(configuration.repa.layer) with \(features.description)"))
        }
        return lines
    }

    func begin() throws -> any TrainingTask {
        try space.checkScale(configuration, pictures)
        let model = architecture.makeModel(
            seed: configuration.seed, recomputesBlocks: configuration.training.recompute)
        let alignment = features.map { features in
            configuration.alignment(
                Projector(
                    inputs: model.tokenWidth, hidden: configuration.projectorWidth, outputs: features.width,
                    seed: configuration.seed, after: model.parameters.count))
        }
        let lessons = try lessons
        lessons?.copyTeacher(to: model)
        let objective = try objective(alignment) {
            try teacher?.prediction.subspace ?? Self.noiseSubspace(configuration, space, pictures)
        }
        return DenoiserTask(self, model, try conditioner, objective, lessons)
    }

    /// What a model of few steps learns; nil for other models.
    private var lessons: FewStepLessons? {
        get throws { try FewStepLessons(configuration, teacher) }
    }

    /// Converts the classes of the images to the model's condition.
    private var conditioner: any Conditioner {
        get throws {
            try architecture.conditioner(
                ConditionerSources(
                    classNames: pictures.classes, text: text?.use ?? TextEncoderUse(), origin: pictures.root))
        }
    }

    func load(_ directory: String, _ origins: TrainingOrigins) throws -> any TrainingTask {
        try space.expectSame(as: origins.autoencoder, directory, allowsOther: allowsOtherAutoencoder)
        let checkpoint = try DenoiserCheckpoint(path: directory)
        try checkText(origins.text, directory)
        let model = try checkpoint.load(.raw, recomputesBlocks: configuration.training.recompute)
        guard architecture.isSame(as: try checkpoint.architecture(.raw)), let model = model as? any AlignableDenoiser
        else {
            throw PixNerdError(
                .mismatch, "\(directory)", found: "holds a model of other sizes than the configuration",
                advice: "resume with the run's own model section, or choose another name for a new run")
        }
        let alignment = try features.map { features in
            configuration.alignment(try projector(of: checkpoint, features, encoder: origins.encoder))
        }
        let recorded = try checkpoint.prediction(patch: architecture.patchSize)
        if let problem = configuration.problem(with: recorded) {
            throw PixNerdError(
                .mismatch, "\(directory)", found: problem,
                advice:
                    "resume with the run's own training.target and training.noise_scale, or choose another name for "
                    + "a new run")
        }
        try teacher?.expectSame(as: origins.teacher, directory)
        let objective = objective(alignment) { recorded.subspace! }
        return DenoiserTask(self, model, try conditioner, objective, try lessons)
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

extension Configuration {
    fileprivate func alignment(_ projector: Projector) -> Alignment {
        Alignment(projector: projector, layer: repa.layer, weight: repa.weight)
    }

    /// Width of the projector's hidden layers.
    var projectorWidth: Int { repa.projectorWidth > 0 ? repa.projectorWidth : model.hiddenSize }
}
