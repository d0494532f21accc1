import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdModels
import PixNerdSupport

extension Configuration {
    /// What a denoiser is, and where its sizes come from.
    public enum ModelSource: String, Sendable, CaseIterable {
        /// A PixNerd with the sizes of the model section.
        case pixnerd
        /// A MiniT2I with them.
        case minit2i
        /// The model of `from`, of whatever kind.
        case from
    }

    static let modelSourceKey = "model.architecture"

    /// The denoiser's architecture.
    ///
    /// - Parameter channels: number of channels of its space.
    /// - Throws: `PixNerdError` naming an invalid size.
    public func architecture(channels: Int) throws -> any TrainableArchitecture {
        switch modelSource {
        case .pixnerd: try KnownDenoisers.architecture(model, channels: channels)
        case .minit2i: try KnownDenoisers.miniT2I(model, channels: channels)
        case .from: try begunArchitecture()
        }
    }

    /// The architecture of the model of `from`, or of the run itself once it has a saved step.
    ///
    /// - Throws: `PixNerdError` if there is no such model, or it cannot be trained.
    func begunArchitecture() throws -> any TrainableArchitecture {
        let saved = RunDirectory(existing: runPath).savedSteps.last
        guard saved != nil || !from.isEmpty else {
            throw PixNerdError(
                .mismatch, "\(Self.modelSourceKey)", found: "is from, but from is empty",
                advice: "set from to the model to begin with")
        }
        let path = try saved.map { RunDirectory(existing: runPath).stepPath($0) } ?? RunDirectory.checkpointPath(from)
        let checkpoint = try DenoiserCheckpoint(path: path)
        let architecture = try checkpoint.architecture(checkpoint.preferred(nil))
        guard let trainable = architecture as? any TrainableArchitecture, trainable.isTrainable else {
            throw PixNerdError(
                .unsupported, "\(checkpoint.path)",
                found: "is a model that cannot be trained (\(architecture.summary.joined(separator: " ")))",
                expected: "a PixNerd, a MiniT2I, or a PixArt without a ControlNet or compressed keys")
        }
        return trainable
    }

    /// Checks what only a model of the usual kind can do, or is described by.
    ///
    /// - Parameters:
    ///   - hasValues: Whether the images have values that a model could be told.
    /// - Throws: `PixNerdError` naming the key that does not fit.
    func checkModelSource(hasValues: Bool) throws {
        guard modelSource != .pixnerd else { return }
        let key = ErrorText(Self.modelSourceKey)
        // The number of classes follows from the data.
        let sizes: Set =
            modelSource == .from
            ? ["model.num_classes"]
            : [
                "model.hidden_size", "model.num_groups", "model.num_blocks", "model.num_text_blocks",
                "model.patch_size",
            ]
        let other = differences(from: Configuration()).map(\.key.name).first {
            $0.hasPrefix("model.") && $0 != Self.modelSourceKey && !sizes.contains($0)
        }
        if let other {
            throw PixNerdError(
                .mismatch, "\(other)", found: "is set, but \(key) is \(modelSource.rawValue)",
                advice: "remove one of them")
        }
        let parts: [(Bool, ErrorText)] = [
            (fewSteps.method != .none, "few_steps.method is set"), (control.isOn, "the control section is used"),
            (!data.condition.isEmpty, "data.condition is set"), (data.augment > 0, "data.augment is set"),
            (repa.isOn, "tokens are aligned"), (hasValues, "the images have values"),
            (!training.fieldSizes.isEmpty, "training.field_sizes is set"),
        ]
        try Self.expectNone(
            parts.map { isThere, other in
                Clash(
                    isThere, key, "is \(modelSource.rawValue), but \(other), which is for models of the model section",
                    "remove one of them")
            })
    }

    /// Checks that images and objective are those of an architecture that the model section does not describe.
    ///
    /// - Parameters:
    ///   - channels: Channels of the run's space.
    ///   - isTold: Whether the images have captions.
    /// - Throws: `PixNerdError` naming the key that does not fit.
    func expectFits(_ architecture: any TrainableArchitecture, channels: Int, hasCaptions: Bool) throws {
        guard modelSource != .pixnerd else { return }
        let name: ErrorText = modelSource == .from ? "the model of from" : "a MiniT2I"
        guard architecture.takesText == hasCaptions else {
            throw PixNerdError(
                .mismatch, "text.encoder",
                found: hasCaptions
                    ? "is set, but \(name) takes no captions" : "is not set, and \(name) is conditioned on captions",
                advice: hasCaptions ? "remove the text section" : "set it to the text encoder of that model")
        }
        if let own = KnownDenoisers.classModelOptions(architecture)?.classes, own != model.classes {
            throw PixNerdError(
                .mismatch, "\(Self.modelSourceKey)",
                found:
                    "is from, whose model has \(counted(own, "class", plural: "classes")), and the data \(model.classes)",
                advice: "give its sizes in the model section instead, and other classes can be added (start.classes)")
        }
        guard architecture.channels == channels else {
            throw PixNerdError(
                .mismatch, "space", found: "has \(counted(channels, "channel")), and \(name) \(architecture.channels)",
                advice: "set space to \(space == .pixel ? "latent, and latent.vae to its autoencoder" : "pixel"), or "
                    + "data.channels")
        }
        if let length = architecture.textTokens, length != text.length {
            throw PixNerdError(
                .mismatch, "text.length", found: "is \(text.length), and \(name) takes \(length) tokens",
                advice: "set it to \(length)")
        }
        guard architecture.learnsNoise else { return }
        let others = [
            "training.target", "training.noise_scale", "training.floor", "training.noise_rank", "training.time_",
            "training.frequency_", "dispersive.", "sampling.shift",
        ]
        if let key = differences(from: Configuration()).map(\.key.name).first(where: { key in
            others.contains { key.hasPrefix($0) }
        }) {
            throw PixNerdError(
                .mismatch, "\(key)",
                found:
                    "is set, but \(name) learns the noise of a diffusion process, which has times and a loss of its own",
                advice: "remove it")
        }
        try Self.expectNone([
            Clash(
                data.crop.padsImages, "data.crop", "is none, but \(name) learns noise, and padding would count",
                "set it to center")
        ])
    }
}
