import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSampling
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// The checkpoint whose weights a new run begins with.
struct Beginning {
    private let checkpoint: DenoiserCheckpoint
    private let weights: WeightKind
    private let architecture: any DenoiserArchitecture

    /// Finds the checkpoint that a configuration names.
    ///
    /// - Returns: nil if the run begins with fresh weights.
    /// - Throws: `PixNerdError` if it cannot be read.
    init?(_ configuration: Configuration) throws {
        guard !configuration.from.isEmpty else {
            if let key = configuration.firstKeyInUse(of: "start") {
                throw PixNerdError(
                    .mismatch, "\(key)", found: "is set, but from is empty",
                    advice: "set from to the model to begin with, or remove \(key)")
            }
            return nil
        }
        checkpoint = try DenoiserCheckpoint(path: RunDirectory.checkpointPath(configuration.from))
        if let asked = configuration.start.weights.kind, !checkpoint.holds(asked) {
            throw PixNerdError(
                .notFound, "start.weights", found: "is \(asked.rawValue), which \(checkpoint.path) does not hold",
                advice: "set it to auto")
        }
        weights = checkpoint.preferred(configuration.start.weights.kind)
        architecture = try checkpoint.architecture(weights)
    }

    /// The classes of a run on images; nil for those of the images, with all rows of classes as they are.
    ///
    /// - Throws: `PixNerdError` if `start` asks for what the model or the run does not have.
    func classes(_ configuration: Configuration, _ images: ImageCollection) throws -> BegunClasses? {
        guard let own = KnownDenoisers.classModelOptions(architecture), !configuration.text.isOn else {
            guard configuration.start.classes == .auto, configuration.start.like.isEmpty else {
                throw PixNerdError(
                    .mismatch, configuration.start.like.isEmpty ? "start.classes" : "start.like",
                    found: "is set, but the run or \(checkpoint.path) is no model of classes", advice: "remove it")
            }
            return nil
        }
        let known = checkpoint.classNames ?? (0..<own.classes).map(String.init)
        guard known.count == own.classes else {
            throw PixNerdError(
                .malformed, "from \(checkpoint.path)",
                found: "has \(own.classes) rows of classes and \(known.count) names", advice: "use another copy of it")
        }
        return try BegunClasses(configuration, known: known, own: images.classes)
    }

    private var name: String { "\(weights == .ema ? "EMA" : "raw") weights of \(checkpoint.path)" }

    /// What is taken, what is new and what is left, for a run of an architecture.
    func description(
        of own: any TrainableArchitecture, _ classes: BegunClasses?, _ configuration: Configuration
    ) -> String {
        let new = own.newParts(beginningAs: architecture) ?? ""
        let size = configuration.data.imageSize
        let other = checkpoint.imageSize.flatMap { $0 == size ? nil : "at \(size.text) instead of \($0.text)" }
        return [name, new.isEmpty ? nil : new, classes?.description, other].compactMap { $0 }.joined(separator: "; ")
    }

    /// Checks that a run can begin here.
    ///
    /// - Throws: `PixNerdError` naming what differs.
    func expectFits(
        _ configuration: Configuration, _ own: any TrainableArchitecture, _ space: TrainingSpace, _ text: TextSource?
    ) throws {
        func refusal(_ found: ErrorText, _ advice: ErrorText) -> PixNerdError {
            PixNerdError(.mismatch, "from \(checkpoint.path)", found: found, advice: advice)
        }
        guard own.newParts(beginningAs: architecture) != nil else {
            throw refusal(
                "has other sizes than the model section gives: "
                    + "\(architecture.summary.joined(separator: " ")); the run's: \(own.summary.joined(separator: " "))",
                "set model.architecture to from, or the same sizes in the model section, and as many classes in the data"
            )
        }
        if let problem = configuration.problem(with: try checkpoint.prediction(of: architecture)) {
            throw refusal(problem, "set the same training.target and training.noise_scale")
        }
        if configuration.modelSource == .from, space.autoencoder != nil, checkpoint.autoencoder == nil {
            // A published model of latents does not say whose; the rule of sampling does.
            _ = try LatentAutoencoder(of: checkpoint, path: configuration.latent.autoencoder, allowsOther: false)
        } else if !space.isSame(as: checkpoint.autoencoder) {
            throw refusal(
                "was trained in another space, or in latents of another autoencoder",
                "set the same space and latent.vae")
        }
        if let recorded = checkpoint.textEncoder, let text, !recorded.encoder.isSame(as: text.recorded.encoder) {
            throw refusal(
                "was trained with another text encoder, \(recorded.encoder.text)", "set text.encoder to that one")
        }
    }

    /// What a ControlNet of this model is trained on: the edges (nil for pictures of a folder), and this model, or what is recorded if it has a ControlNet
    /// already.
    ///
    /// - Throws: `PixNerdError` if the weights cannot be read.
    func controlRecord(edges: String?) throws -> ControlRecord {
        let known = checkpoint.controlRecord
        return ControlRecord(
            edges: edges, base: known?.base ?? checkpoint.path,
            fingerprint: try known?.fingerprint ?? checkpoint.baseFingerprint(weights))
    }

    /// The model that the run begins with.
    ///
    /// - Throws: `PixNerdError` if the weights cannot be read.
    func model(
        _ own: any TrainableArchitecture, _ classes: BegunClasses?, seed: UInt64, recomputesBlocks: Bool
    ) throws -> any AlignableDenoiser {
        try own.makeModel(
            beginningAs: checkpoint.load(weights, recomputesBlocks: recomputesBlocks), classes?.rows, seed: seed,
            recomputesBlocks: recomputesBlocks)
    }
}
