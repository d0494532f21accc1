import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdModels
import PixNerdSampling
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
        guard !configuration.from.isEmpty else { return nil }
        checkpoint = try DenoiserCheckpoint(path: RunDirectory.checkpointPath(configuration.from))
        weights = checkpoint.preferred(nil)
        architecture = try checkpoint.architecture(weights)
    }

    private var name: String { "\(weights == .ema ? "EMA" : "raw") weights of \(checkpoint.path)" }

    /// What is taken and what is new, for a run of an architecture.
    func description(of own: any TrainableArchitecture) -> String {
        let new = own.newParts(beginningAs: architecture) ?? ""
        return new.isEmpty ? name : "\(name); \(new)"
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
                "set the same sizes in the model section, and as many classes in the data")
        }
        if let problem = configuration.problem(with: try checkpoint.prediction(of: architecture)) {
            throw refusal(problem, "set the same training.target and training.noise_scale")
        }
        guard space.isSame(as: checkpoint.autoencoder) else {
            throw refusal(
                "was trained in another space, or in latents of another autoencoder",
                "set the same space and latent.vae")
        }
        if let recorded = checkpoint.textEncoder, let text, !recorded.encoder.isSame(as: text.recorded.encoder) {
            throw refusal(
                "was trained with another text encoder, \(recorded.encoder.text)", "set text.encoder to that one")
        }
    }

    /// The model that the run begins with.
    ///
    /// - Throws: `PixNerdError` if the weights cannot be read.
    func model(_ own: any TrainableArchitecture, seed: UInt64, recomputesBlocks: Bool) throws -> any AlignableDenoiser {
        try own.makeModel(
            beginningAs: checkpoint.load(weights, recomputesBlocks: recomputesBlocks), seed: seed,
            recomputesBlocks: recomputesBlocks)
    }
}
