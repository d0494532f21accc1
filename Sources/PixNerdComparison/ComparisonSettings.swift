import PixNerdEvaluation
import PixNerdModels
import PixNerdTraining

extension InceptionInput: ConfigurationWord {}

/// What a comparison is called and how its pipelines are measured: the keys of its file besides those of training.
public struct ComparisonSettings: Sendable, Equatable {
    /// Its directory is `directory`/`name`.
    public var name = "comparison"
    public var directory = "checkpoints"
    public var evaluation = EvaluationSection()

    public init() {}

    /// How images are sampled and what they are compared with.
    public struct EvaluationSection: Sendable, Equatable {
        /// Images that no pipeline was trained on, best; empty for those of training.
        public var reference = ""
        /// Images that are sampled from each checkpoint.
        public var pictures = 1000
        /// Images of the reference, at most; 0 for twice as many, so that each of the halves that the floor is between
        /// holds as many as are sampled.
        public var referencePictures = 0
        /// Of the first image's noise; those of the others count on.
        public var seed: UInt64 = 0
        /// Images at once.
        public var batch = 32
        /// Evaluations of the denoiser for each image, doubled where it is guided.
        public var steps = 50
        /// One set of images for each; 1 is unguided.
        public var guidance: [Float] = [1, 3.5]
        public var guidanceLower: Float = 0.1
        public var guidanceUpper: Float = 1
        public var shift: Float = 1
        /// Saved steps that are measured; none for all, and for the last one.
        public var checkpoints: [Int] = []
        public var resamples = 20
        /// Images of the reference that go into each space and back.
        public var roundTrips = 256
        /// Weights of the network whose features are compared; empty for measures of pixels alone.
        public var features = ""
        public var network = FeatureNetwork.inception
        public var backend = InceptionInput.torchFidelity
        /// Images of each class, and classes, that the page shows of each pipeline.
        public var perClass = 4
        public var classes = 10
    }

    /// The networks whose features are compared.
    public enum FeatureNetwork: String, Sendable, CaseIterable, ConfigurationWord {
        case inception
        case dinov2
    }
}

extension ComparisonSettings: KeyedConfiguration {
    package static let keys: [ConfigurationKey<ComparisonSettings>] = [
        ConfigurationKey(
            "name", \.name, "name of the comparison; its directory is directory/name",
            limits: "without slashes, not empty and not beginning with a dot"
        ) { !$0.isEmpty && !$0.contains("/") && !$0.hasPrefix(".") },
        ConfigurationKey("directory", \.directory, "where the comparison's directory is made"),
        ConfigurationKey(
            "evaluation.reference", \.evaluation.reference,
            "pictures that sampled ones are compared with, best held out of training; those of training where empty"),
        .count("evaluation.pictures", \.evaluation.pictures, from: 2, "pictures sampled from each checkpoint"),
        .count(
            "evaluation.reference_pictures", \.evaluation.referencePictures, from: 0,
            "pictures of the reference at most; 0 for twice evaluation.pictures"),
        ConfigurationKey(
            "evaluation.seed", \.evaluation.seed, "of the first picture's noise; the others' count on from it"),
        .count("evaluation.batch", \.evaluation.batch, from: 1, "pictures that are sampled at once"),
        .count("evaluation.steps", \.evaluation.steps, from: 1, "steps of Euler's sampler"),
        ConfigurationKey(
            "evaluation.guidance", \.evaluation.guidance, "strengths that are measured, each by itself; 1 is unguided",
            limits: "of at least 0, each another one"
        ) { !$0.isEmpty && Set($0).count == $0.count && $0.allSatisfy { $0 >= 0 } },
        .number(
            "evaluation.guidance_lower", \.evaluation.guidanceLower, in: 0...1, "guidance acts above this time"),
        .number(
            "evaluation.guidance_upper", \.evaluation.guidanceUpper, in: 0...1, "guidance acts below this time"),
        .number("evaluation.shift", \.evaluation.shift, in: 1e-3...1e3, "shift of the sampler's times"),
        ConfigurationKey(
            "evaluation.checkpoints", \.evaluation.checkpoints, "saved steps that are measured; none for all of them",
            limits: "from 1 on, or none"
        ) { $0.allSatisfy { $0 >= 1 } },
        .count("evaluation.resamples", \.evaluation.resamples, from: 0, "resamples for the intervals; 0 for none"),
        .count(
            "evaluation.round_trips", \.evaluation.roundTrips, from: 2,
            "pictures of the reference that go into each space and back"),
        ConfigurationKey(
            "evaluation.features", \.evaluation.features,
            "weights of the network whose features are compared; empty for measures of pixels alone"),
        ConfigurationKey("evaluation.network", \.evaluation.network, "what they are of: inception or dinov2"),
        ConfigurationKey(
            "evaluation.backend", \.evaluation.backend, "how pictures come to Inception: torch-fidelity or pytorch-fid"),
        .count("evaluation.per_class", \.evaluation.perClass, from: 1, "pictures of each class on the page"),
        .count("evaluation.classes", \.evaluation.classes, from: 1, "classes on the page"),
    ]

    /// The comparison's directory.
    public var path: String { directory.hasSuffix("/") ? directory + name : "\(directory)/\(name)" }
}
