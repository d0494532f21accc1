import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

extension DenoiserPreparation {
    /// The loss that the configuration asks for.
    ///
    /// - Parameter subspace: makes or reads the subspace of an asymmetric target; not called for other targets.
    func objective(_ alignment: Alignment?, subspace: () throws -> PatchSubspace) rethrows -> TrainingObjective {
        let (training, dispersive) = (configuration.training, configuration.dispersive)
        let noise = if training.target == .asymmetric { try subspace() } else { nil as PatchSubspace? }
        return TrainingObjective(
            prediction: Prediction(
                training.target, noiseScale: training.noiseScale, floor: training.floor, subspace: noise),
            timeWeight: training.timeWeight,
            frequency: training.frequencyWeight > 0
                ? FrequencyTerm(weight: training.frequencyWeight, quality: training.frequencyQuality) : nil,
            dispersion: dispersive.weight > 0
                ? DispersionTerm(
                    form: dispersive.form, weight: dispersive.weight, layer: dispersive.layer,
                    temperature: dispersive.temperature) : nil,
            alignment: alignment, diffusion: architecture.learnsNoise ? DiffusionSchedule() : nil)
    }

    /// The settings of previews: those of the configuration, with the sampler and the steps that a model of a diffusion
    /// process is published with.
    var previewSettings: SamplingSettings {
        var settings = configuration.sampling.settings
        guard architecture.learnsNoise else { return settings }
        (settings.sampler, settings.grid) = (
            architecture.publishedSampling.sampler, architecture.publishedSampling.grid
        )
        return settings
    }

    /// Number of images that the subspace of the noise is made from, at most.
    private static let subspaceImages = 10_000

    /// The subspace that holds most of what the patches of the images consist of.
    ///
    /// - Throws: `PixNerdError` if none of the images can be read.
    static func noiseSubspace(
        _ configuration: Configuration, _ space: TrainingSpace, _ pictures: ImageCollection,
        _ decoding: PictureDecoding
    ) throws -> PatchSubspace {
        let reader = CropReader(
            pictures, imageSize: configuration.data.imageSize, decoding: decoding)
        let places = pictures.evenPlaces(subspaceImages)
        var moments = PatchMoments(patch: configuration.model.patchSize)
        var isEmpty = true
        for start in stride(from: 0, to: places.count, by: 64) {
            guard let loaded = reader.read(places[start..<min(start + 64, places.count)], unreadable: { _ in }) else {
                continue
            }
            moments.add(
                space.space.encode(loaded) {
                    RandomStream(seed: configuration.seed, purpose: .latents, index: loaded.indices[$0])
                })
            isEmpty = false
        }
        guard !isEmpty else {
            throw PixNerdError(.malformed, "\(pictures.root):", found: "none of the images can be read")
        }
        return moments.subspace(rank: configuration.training.noiseRank)
    }
}

extension Configuration {
    /// How the prediction of a network differs from what the configuration asks for, as a clause; nil if it does not.
    func problem(with prediction: Prediction) -> ErrorText? {
        guard prediction.target != training.target || prediction.noiseScale != training.noiseScale else {
            guard prediction.floor != training.floor, prediction.target != .velocity else { return nil }
            return "divides by at least \(prediction.floor), and training.floor is \(training.floor)"
        }
        return "predicts \(prediction.target.rawValue) at noise scale \(prediction.noiseScale), and the configuration "
            + "asks for \(training.target.rawValue) at \(training.noiseScale)"
    }

    /// Checks that the parts of the loss fit the model and each other.
    ///
    /// - Parameters:
    ///   - patchValues: number of values of a patch.
    ///   - blocks: number of transformer blocks.
    /// - Throws: `PixNerdError` naming the key.
    func checkObjective(patchValues: Int, blocks: Int) throws {
        let (isAsymmetric, hasFields) = (training.target == .asymmetric, !training.fieldSizes.isEmpty)
        let overlaps = model.head == .field && model.fieldOverlap > 0
        let weighsFrequency = training.frequencyWeight > 0
        try Self.expectNone([
            Clash(
                isAsymmetric && training.noiseRank > patchValues, "training.noise_rank",
                "is \(training.noiseRank), and a patch has \(patchValues) values", "set it to at most \(patchValues)"),
            Clash(
                isAsymmetric && hasFields, "training.field_sizes",
                "is set, but the subspace of an asymmetric target has one density",
                "remove it, or set training.target to picture"),
            Clash(
                isAsymmetric && overlaps, "model.field_overlap",
                "is set, but the subspace of an asymmetric target is that of whole patches",
                "remove it, or set training.target to picture"),
            Clash(
                weighsFrequency && overlaps, "training.frequency_weight",
                "is set, but with model.field_overlap only some pixels are decoded", "remove one of them"),
            Clash(
                weighsFrequency && space == .latent, "training.frequency_weight",
                "is set, but latents have no colours to weigh", "remove it, or set space to pixel"),
            Clash(
                weighsFrequency && hasFields, "training.frequency_weight",
                "is set, but with training.field_sizes only some pixels are decoded", "remove one of them"),
            Clash(
                dispersive.weight > 0 && !(1...blocks).contains(dispersive.layer), "dispersive.layer",
                "is \(dispersive.layer), and the model has \(blocks) transformer blocks",
                "set it to at most \(blocks)"),
        ])
    }

    /// Has the model told of its augmentation.
    ///
    /// - Throws: `PixNerdError` if it cannot be told, or the images cannot be transformed.
    mutating func addAugmentation() throws {
        guard data.augment > 0 else { return }
        try Self.expectNone([
            Clash(
                data.flip, "data.augment",
                "is set, but data.flip is set, which mirrors images without telling the model",
                "remove data.flip"),
            Clash(
                space == .latent, "data.augment", "is set, but space is latent, and only pixels are transformed",
                "set space to pixel"),
            Clash(
                repa.isOn, "data.augment", "is set, but tokens are aligned with features of images as they are",
                "remove the repa section"),
        ])
        model.numbers.append(.augmentation)
    }

    /// A combination of keys that cannot be trained.
    struct Clash {
        /// Whether the configuration has it.
        let isThere: Bool
        let error: PixNerdError

        init(_ isThere: Bool, _ key: ErrorText, _ found: ErrorText, _ advice: ErrorText) {
            self.isThere = isThere
            error = PixNerdError(.mismatch, key, found: found, advice: advice)
        }
    }

    static func expectNone(_ clashes: [Clash]) throws {
        if let clash = clashes.first(where: \.isThere) { throw clash.error }
    }

    /// What the literature says against a combination of keys, one sentence each.
    var objectiveWarnings: [String] {
        var warnings: [String] = []
        if repa.isOn, training.target == .picture {
            warnings.append(
                "training.target is picture and tokens are aligned: alignment was found to hurt such models late in training "
                    + "(arXiv 2603.14366)")
        }
        if dispersive.weight > 0, training.batchSize / training.accumulate < 8 {
            warnings.append(
                "dispersive.weight is set, and only \(training.batchSize / training.accumulate) images are compared at a time; "
                    + "the loss was published with large batches")
        }
        if training.noiseScale != 1, training.timeShift != 1 {
            warnings.append(
                "training.noise_scale and training.time_shift both move the times towards noise: a scale is worth a shift "
                    + "of the same factor")
        }
        return warnings
    }
}
