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
    let decoding: PictureDecoding
    let holdout: Holdout
    /// The sizes at which images are loaded: those of training, or, if patches are also decoded at larger sizes, the
    /// largest of these that the images have, because real detail is better than enlarged images. With an encoder it is
    /// the training size, which the features are computed at.
    let buckets: ImageBuckets
    let space: TrainingSpace
    /// The source of the captions' rows; nil for a model of classes.
    let text: TextSource?
    /// The numbers that the model is told of each image.
    let values: [TrainedValue]
    /// The features that tokens are aligned with; nil for none.
    let features: FeatureSource?
    /// The trained model that a model of few steps learns from; nil for none.
    let teacher: Teacher?
    /// The checkpoint whose weights a new run begins with; nil for fresh weights.
    let beginning: Beginning?
    /// The classes of a run that begins with those of another model; nil for those of the images.
    let classes: BegunClasses?
    /// The class that half of each batch is of; nil for none.
    let subject: Subject?
    /// Makes the pictures that the model is shown; nil for none.
    let shown: ShownSource?
    let architecture: any TrainableArchitecture
    let memory: MemoryEstimate
    /// Whether a run may be resumed with another autoencoder.
    let allowsOtherAutoencoder: Bool

    /// Finds and checks the requirements of a configuration.
    ///
    /// - Throws: `PixNerdError` if something is missing or does not fit.
    init(_ asked: Configuration, allowsOtherAutoencoder: Bool) throws {
        var configuration = asked
        self.allowsOtherAutoencoder = allowsOtherAutoencoder
        beginning = try Beginning(configuration)
        let found = try configuration.pictures(root: configuration.data.root)
        classes = try beginning?.classes(configuration, found)
        let pictures = classes?.relabelled(found) ?? found
        holdout = try Holdout(configuration, pictures) { try asked.pictures(root: $0) }
        subject = try Subject(configuration, holdout.trained)
        let begun = configuration.modelSource == .from ? try configuration.begunArchitecture() : nil
        text = try TextSource(
            configuration, pictures, heldOut: holdout.isShare ? nil : holdout.source?.captions,
            cleaning: begun?.publishedCleaning ?? .none)
        if let text {
            (configuration.model.textWidth, configuration.model.textLength) = (
                text.recorded.encoder.width, configuration.text.length
            )
        } else {
            try configuration.checkClasses(pictures)
        }
        values = try Configuration.trainedValues(holdout.trained)
        configuration.model.values = values.count
        configuration.decideGuidance(
            classes: text == nil && pictures.labelSets == nil ? pictures.classes.count : nil)
        try configuration.addAugmentation()
        teacher = try Teacher(configuration)
        try configuration.addFewSteps(teacher)
        try configuration.addControl()
        try configuration.checkCondition()
        try configuration.checkModelSource(hasValues: !values.isEmpty)
        // Reports an invalid architecture before an encoder is read.
        let ofColors = try begun ?? configuration.architecture(channels: 3)
        try Self.checkFieldSizes(configuration)
        try configuration.checkShapes()
        try configuration.checkOptimizer()
        try configuration.checkConditioning()
        try configuration.checkTrainedPart(classes)
        try Self.checkDropout(configuration, blocks: ofColors.tokenBlocks)
        decoding = try configuration.decoding(of: pictures)
        shown = try ShownSource(configuration, holdout, decoding.format)
        configuration.model.pictureChannels = shown?.input?.channels(ofImages: decoding.format.channelCount) ?? 0
        space = try TrainingSpace(configuration, pictures, format: decoding.format)
        architecture = try begun ?? configuration.architecture(channels: space.space.channels)
        try configuration.expectFits(architecture, channels: space.space.channels, hasCaptions: text != nil)
        let patch = architecture.patchSize * space.space.reduction
        let sizes = try configuration.batchSizes(patch: patch)
        try Self.checkGrid(configuration, patch: patch)
        try configuration.checkObjective(
            patchValues: space.space.channels * architecture.patchSize * architecture.patchSize,
            blocks: architecture.tokenBlocks)
        try teacher?.expectFits(configuration, architecture, space, pictures, values, text)
        try beginning?.expectFits(configuration, architecture, space, text)
        features = try FeatureSource(configuration, pictures, format: decoding.format, patch: patch)
        let (side, finest) = (configuration.data.squareSide, configuration.training.fieldSizes.max() ?? 0)
        buckets =
            finest > side && features == nil
            ? ImageBuckets(size: ImageSize(max(side, min(finest, pictures.usualSide))), of: holdout.trained)
            : ImageBuckets(sizes: sizes, of: holdout.trained, exif: decoding.exif)
        var memory = Self.memory(
            configuration, architecture, space, features, text, size: sizes.max { $0.area < $1.area } ?? sizes[0],
            encodes: space.cache == nil || !configuration.data.holdoutRoot.isEmpty)
        if let teacher { memory.addTeacher(parameters: teacher.architecture.parameterCount) }
        self.memory = memory
        self.configuration = configuration
    }

    private static func checkDropout(_ configuration: Configuration, blocks: Int) throws {
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
        let grid = configuration.data.squareSide / patch
        if let side = configuration.training.fieldSizes.first(where: { $0 % grid != 0 }) {
            throw PixNerdError(
                .invalidValue, "training.field_sizes",
                found: "holds \(side), which a grid of \(grid) x \(grid) patches does not divide",
                expected: "multiples of \(grid)")
        }
    }

    private static func memory(
        _ configuration: Configuration, _ architecture: any TrainableArchitecture, _ space: TrainingSpace,
        _ features: FeatureSource?, _ text: TextSource?, size: ImageSize, encodes: Bool
    ) -> MemoryEstimate {
        let training = configuration.training
        let (batch, reduction) = (training.batchSize / training.accumulate, space.space.reduction)
        var estimate = MemoryEstimate(
            architecture, averages: training.emaDecay.count + training.emaLengths.count, batch: batch,
            size: size / reduction, recompute: training.recompute,
            precision: configuration.precision)
        if training.train != .all { estimate.trainAdapters() }
        if training.optimizer == .muon { estimate.useMuon(on: architecture.blockMatrixParameters) }
        if let finest = training.fieldSizes.max() { estimate.addFields(side: finest, batch: batch) }
        if let features {
            let side = configuration.data.squareSide / reduction / architecture.patchSize
            estimate.addAlignment(
                inputs: architecture.tokenWidth, hidden: configuration.projectorWidth, outputs: features.width,
                tokens: (CheckedInt(batch) * CheckedInt(side) * CheckedInt(side)).clamped)
            if let encoder = features.encoder { estimate.add(encoder, grid: side, precision: configuration.precision) }
        }
        if let encoder = text?.encoder { estimate.add(encoder, texts: batch, length: configuration.text.length) }
        if let autoencoder = space.autoencoder {
            estimate.add(autoencoder.model, size: size, encodes: encodes)
        }
        return estimate
    }

    private var classesText: String {
        "in \(counted(pictures.classes.count, "class", plural: "classes")) (\(pictures.labelling))"
            + (takesSets ? ", of which an image has several or none" : "")
    }

    private var sizesText: String {
        let buckets = buckets.buckets
        guard buckets.count > 1 else { return "\(configuration.data.imageSize)" }
        return "\(buckets.count) sizes: "
            + listed(buckets.prefix(8).map { "\($0.images.count) at \($0.size.text)" }, of: buckets.count)
    }

    var halves: [[Int]] { subject.map { [$0.own, $0.others] } ?? [] }
    var companions: PictureCompanions? { shown?.companions }
    var allCompanions: PictureCompanions? { shown?.allCompanions }

    /// Whether images have several classes, or none at all.
    var takesSets: Bool { pictures.labelSets != nil }

    var description: [(name: String, text: String)] {
        let size = configuration.data.imageSize
        let seen = size / space.space.reduction
        let giga = Double(architecture.multiplyAdds(height: seen.height, width: seen.width)) / 1e9
        var lines = [
            (
                "images",
                "\(pictures.samples.count) \(text == nil ? classesText : "with captions"), at \(sizesText)"
                    + (decoding.format == .rgb8 ? "" : ", \(decoding.format)")
            )
        ]
        if let text = holdout.description(configuration.training) { lines.append(("held out", text)) }
        lines.append(
            (
                "model",
                "\(architecture.parameterCount) parameters, \(String(format: "%.3g", giga)) G multiply-adds per image"
                    + (architecture.decodesFields || configuration.modelSource != .pixnerd ? "" : ", linear head")
            ))
        if configuration.training.optimizer == .muon {
            let step = Double(configuration.training.batchSize) * giga
            lines.append(("optimizer", architecture.muonDescription(batchGiga: step)))
        }
        if let beginning { lines.append(("start", beginning.description(of: architecture, classes, configuration))) }
        if let shown { lines.append(shown.description) }
        if let subject {
            lines.append(
                (
                    "subject",
                    "half of each batch are the \(counted(subject.own.count, "image")) of '\(configuration.subject.className)', "
                        + "the others weigh \(configuration.subject.priorWeight)"
                ))
        }
        if let teacher { lines.append(("teacher", teacher.description)) }
        if let text { lines.append(("text", text.description)) }
        if !values.isEmpty { lines.append(("values", values.map(\.summary).joined(separator: "; "))) }
        if let text = space.description { lines.append(("latents", text)) }
        if let features {
            lines.append(("aligned", "block \(configuration.repa.layer) with \(features.description)"))
        }
        return lines
    }

    func begin() throws -> any TrainingTask {
        try space.checkScale(configuration, pictures)
        let (seed, recomputes) = (configuration.seed, configuration.training.recompute)
        let model =
            try begunModel() ?? architecture.makeModel(seed: seed, recomputesBlocks: recomputes)
        let alignment = features.map { features in
            configuration.alignment(
                Projector(
                    inputs: model.tokenWidth, hidden: configuration.projectorWidth, outputs: features.width,
                    seed: configuration.seed, after: model.parameters.count))
        }
        let lessons = try lessons
        lessons?.copyTeacher(to: model)
        let objective = try objective(alignment) {
            try teacher?.prediction.subspace
                ?? Self.noiseSubspace(
                    configuration, space, pictures, decoding)
        }
        let record =
            architecture.controlBlocks == 0 ? nil : try beginning?.controlRecord(edges: shown?.identity)
        return DenoiserTask(
            self, model, try conditioner, objective, lessons,
            try part(of: model, after: objective.alignment?.projector.parameters.count ?? 0), control: record)
    }

    /// The model of `from` with the run's classes; nil for fresh weights.
    func begunModel() throws -> (any AlignableDenoiser)? {
        try beginning?.model(
            architecture, classes, seed: configuration.seed, recomputesBlocks: configuration.training.recompute)
    }

    /// What is trained of a model.
    ///
    /// - Parameter companions: number of parameters that are trained beside it.
    func part(of model: any AlignableDenoiser, after companions: Int) throws -> TrainedPart {
        try TrainedPart(
            configuration, model, new: classes?.new ?? [], after: model.parameters.count + companions)
    }

    /// What a model of few steps learns; nil for other models.
    var lessons: FewStepLessons? {
        get throws { try FewStepLessons(configuration, teacher) }
    }

    /// Converts the classes of the images to the model's condition.
    var conditioner: any Conditioner {
        get throws {
            try architecture.conditioner(
                ConditionerSources(
                    classNames: pictures.classes, takesSets: takesSets, values: values,
                    text: text?.use ?? TextEncoderUse(), origin: pictures.root))
        }
    }
}

extension Configuration {
    func alignment(_ projector: Projector) -> Alignment {
        Alignment(projector: projector, layer: repa.layer, weight: repa.weight)
    }

    /// Width of the projector's hidden layers.
    var projectorWidth: Int { repa.projectorWidth > 0 ? repa.projectorWidth : model.hiddenSize }
}
