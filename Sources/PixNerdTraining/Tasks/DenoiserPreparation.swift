import Foundation
import PixNerdDiffusion
import PixNerdImages
import PixNerdLayers
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// What training a denoiser needs: pictures in classes, a space, and features where tokens are aligned.
struct DenoiserPreparation: TrainingPreparation {
    let configuration: Configuration
    let pictures: ImageCollection
    /// That of training, or where patches are decoded at finer densities the finest of them that the pictures have: their own
    /// detail is worth more than pictures that were enlarged. Features of an encoder are those of the size of training.
    let loadedSize: Int
    let space: TrainingSpace
    /// What tokens are aligned with, where they are.
    let features: FeatureSource?
    let architecture: any TrainableArchitecture
    let memory: MemoryEstimate
    /// Goes on with another autoencoder than that of a run's latents.
    private let allowsOtherAutoencoder: Bool

    /// - Throws: one sentence where something cannot be had or does not fit.
    init(_ asked: Configuration, allowsOtherAutoencoder: Bool) throws {
        var configuration = asked
        self.allowsOtherAutoencoder = allowsOtherAutoencoder
        pictures = try ImageCollection.open(root: configuration.data.root)
        let classes = pictures.classes.count
        if configuration.model.classes == 0 { configuration.model.classes = classes }
        guard configuration.model.classes >= classes else {
            throw ConfigurationError(
                "model.num_classes is \(configuration.model.classes), but \(pictures.root) has \(classes) classes; "
                    + "leave it out or set it to at least that.")
        }
        // What cannot be built is said before an encoder is read.
        _ = try configuration.architecture(channels: 3)
        try Self.checkFieldSizes(configuration)
        space = try TrainingSpace(configuration, pictures)
        architecture = try configuration.architecture(channels: space.space.channels)
        let patch = configuration.model.patchSize * space.space.reduction
        if let problem = sizeProblem(configuration.data.imageSize, multiple: patch) {
            throw ConfigurationError("data.image_size \(problem)")
        }
        try Self.checkGrid(configuration, patch: patch)
        features = try FeatureSource(configuration, pictures, patch: patch)
        let (size, finest) = (configuration.data.imageSize, configuration.training.fieldSizes.max() ?? 0)
        loadedSize = finest > size && features == nil ? max(size, min(finest, pictures.usualSide)) : size
        memory = Self.memory(configuration, architecture, space, features)
        self.configuration = configuration
    }

    private static func checkFieldSizes(_ configuration: Configuration) throws {
        guard !configuration.training.fieldSizes.isEmpty else { return }
        let reason: String
        if configuration.model.head == .linear {
            reason = "model.head is linear, which decodes patches at one density alone"
        } else if configuration.space == .latent {
            reason = "space is latent, and latents cannot be drawn larger"
        } else {
            return
        }
        throw ConfigurationError("training.field_sizes is set, but \(reason); leave one of them out.")
    }

    private static func checkGrid(_ configuration: Configuration, patch: Int) throws {
        let grid = configuration.data.imageSize / patch
        if let side = configuration.training.fieldSizes.first(where: { $0 % grid != 0 }) {
            throw ConfigurationError(
                "training.field_sizes holds \(side), which a grid of \(grid) x \(grid) patches does not divide; give "
                    + "multiples of \(grid).")
        }
    }

    private static func memory(
        _ configuration: Configuration, _ architecture: any TrainableArchitecture, _ space: TrainingSpace,
        _ features: FeatureSource?
    ) -> MemoryEstimate {
        let training = configuration.training
        let (batch, reduction) = (training.batchSize / training.accumulate, space.space.reduction)
        var estimate = MemoryEstimate(
            architecture, averages: training.emaDecay.count, batch: batch,
            size: configuration.data.imageSize / reduction, recompute: training.recompute,
            precision: configuration.precision)
        if let features {
            let side = configuration.data.imageSize / reduction / architecture.patchSize
            estimate.addAlignment(
                inputs: architecture.tokenWidth, hidden: configuration.projectorWidth, outputs: features.width,
                tokens: batch * side * side)
            if let encoder = features.encoder { estimate.add(encoder, grid: side, precision: configuration.precision) }
        }
        if let autoencoder = space.autoencoder {
            estimate.add(autoencoder.model, size: configuration.data.imageSize, encodes: space.cache == nil)
        }
        return estimate
    }

    var description: [(name: String, text: String)] {
        let size = configuration.data.imageSize
        let side = size / space.space.reduction
        let giga = Double(architecture.multiplyAdds(height: side, width: side)) / 1e9
        var lines = [
            ("pictures", "\(pictures.samples.count) in \(pictures.classes.count) classes, at \(size) x \(size)"),
            (
                "model",
                "\(architecture.parameterCount) parameters, \(String(format: "%.3g", giga)) G multiply-adds a picture"
                    + (architecture.decodesFields ? "" : ", linear head")
            ),
        ]
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
        return DenoiserTask(self, model, try conditioner, alignment)
    }

    /// What turns the classes of the images into the model's condition.
    private var conditioner: any Conditioner {
        get throws { try architecture.conditioner(classNames: pictures.classes, origin: pictures.root) }
    }

    func load(_ directory: String, _ origins: TrainingOrigins) throws -> any TrainingTask {
        try space.expectSame(as: origins.autoencoder, directory, allowsOther: allowsOtherAutoencoder)
        let checkpoint = try DenoiserCheckpoint(path: directory)
        let model = try checkpoint.load(.raw, recomputesBlocks: configuration.training.recompute)
        guard architecture.isSame(as: try checkpoint.architecture(.raw)), let model = model as? any AlignableDenoiser
        else {
            throw TrainingError(
                "\(directory) holds a model of other sizes than the configuration asks for; "
                    + "resume with the run's own model section, or give the new run a name of its own.")
        }
        let alignment = try features.map { features in
            configuration.alignment(try projector(of: checkpoint, features, encoder: origins.encoder))
        }
        return DenoiserTask(self, model, try conditioner, alignment)
    }

    /// The projector of a saved step, which must be for the run's features.
    private func projector(
        of checkpoint: DenoiserCheckpoint, _ features: FeatureSource, encoder: String?
    ) throws -> Projector {
        guard let projector = try checkpoint.projector() else {
            throw TrainingError(
                "\(checkpoint.path) was trained without alignment: it holds no \(DenoiserCheckpoint.projectorPrefix)proj.*; "
                    + "resume without repa.encoder and repa.features, or give the new run a name of its own.")
        }
        guard encoder == features.fingerprint else {
            throw TrainingError(
                "\(checkpoint.path) was aligned with another encoder than the configuration names (\(features.description)); "
                    + "resume with that, or give the new run a name of its own.")
        }
        let hidden = configuration.projectorWidth
        guard projector.outputs == features.width, projector.hidden == hidden else {
            throw TrainingError(
                "\(checkpoint.path) holds a projector of width \(projector.hidden) for features of width "
                    + "\(projector.outputs), and the run asks for \(hidden) and \(features.width); resume with the run's own "
                    + "repa section.")
        }
        return projector
    }
}

extension Configuration {
    fileprivate func alignment(_ projector: Projector) -> Alignment {
        Alignment(projector: projector, layer: repa.layer, weight: repa.weight)
    }

    /// The width of the projector's inner layers.
    var projectorWidth: Int { repa.projectorWidth > 0 ? repa.projectorWidth : model.hiddenSize }
}
