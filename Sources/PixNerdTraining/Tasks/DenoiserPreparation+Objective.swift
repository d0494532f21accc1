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
            prediction: Prediction(training.target, noiseScale: training.noiseScale, subspace: noise),
            timeWeight: training.timeWeight,
            frequency: training.frequencyWeight > 0
                ? FrequencyTerm(weight: training.frequencyWeight, quality: training.frequencyQuality) : nil,
            dispersion: dispersive.weight > 0
                ? DispersionTerm(
                    form: dispersive.form, weight: dispersive.weight, layer: dispersive.layer,
                    temperature: dispersive.temperature) : nil,
            alignment: alignment)
    }

    /// Number of images that the subspace of the noise is made from, at most.
    private static let subspaceImages = 10_000

    /// The subspace that holds most of what the patches of the images consist of.
    ///
    /// - Throws: `PixNerdError` if none of the images can be read.
    static func noiseSubspace(
        _ configuration: Configuration, _ space: TrainingSpace, _ pictures: ImageCollection
    ) throws -> PatchSubspace {
        let reader = SquareReader(pictures, imageSize: configuration.data.imageSize)
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
    /// Checks that the parts of the loss fit the model and each other.
    ///
    /// - Parameters:
    ///   - patchValues: number of values of a patch.
    ///   - blocks: number of transformer blocks.
    /// - Throws: `PixNerdError` naming the key.
    func checkObjective(patchValues: Int, blocks: Int) throws {
        func refuse(_ key: String, _ found: String, advice: ErrorText) -> PixNerdError {
            PixNerdError(.mismatch, "\(key)", found: "\(found)", advice: advice)
        }
        if training.target == .asymmetric {
            guard training.noiseRank <= patchValues else {
                throw refuse(
                    "training.noise_rank", "is \(training.noiseRank), and a patch has \(patchValues) values",
                    advice: "set it to at most \(patchValues)")
            }
            guard training.fieldSizes.isEmpty else {
                throw refuse(
                    "training.field_sizes", "is set, but the subspace of an asymmetric target has one density",
                    advice: "remove it, or set training.target to picture")
            }
        }
        if training.frequencyWeight > 0 {
            guard space == .pixel else {
                throw refuse(
                    "training.frequency_weight", "is set, but latents have no colours to weigh",
                    advice: "remove it, or set space to pixel")
            }
            guard training.fieldSizes.isEmpty else {
                throw refuse(
                    "training.frequency_weight", "is set, but with training.field_sizes only some pixels are decoded",
                    advice: "remove one of them")
            }
        }
        if dispersive.weight > 0, !(1...blocks).contains(dispersive.layer) {
            throw refuse(
                "dispersive.layer", "is \(dispersive.layer), and the model has \(blocks) transformer blocks",
                advice: "set it to at most \(blocks)")
        }
    }

    /// Has the model told of its augmentation.
    ///
    /// - Throws: `PixNerdError` if it cannot be told, or the images cannot be transformed.
    mutating func addAugmentation() throws {
        guard data.augment > 0 else { return }
        let obstacles: [(Bool, String, ErrorText)] = [
            (data.flip, "data.flip is set, which mirrors images without telling the model", "remove data.flip"),
            (space == .latent, "space is latent, and only pixels are transformed", "set space to pixel"),
            (repa.isOn, "tokens are aligned with features of images as they are", "remove the repa section"),
        ]
        if let (_, reason, advice) = obstacles.first(where: { $0.0 }) {
            throw PixNerdError(.mismatch, "data.augment", found: "is set, but \(reason)", advice: advice)
        }
        model.numbers.append(.augmentation)
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
