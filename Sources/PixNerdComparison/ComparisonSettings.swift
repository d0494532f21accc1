import PixNerdEvaluation
import PixNerdModels
import PixNerdSupport
import PixNerdTraining

extension InceptionInput: ConfigurationWord {}

/// Name of a comparison and settings of its evaluation: the keys of its file besides those of training.
public struct ComparisonSettings: Sendable, Equatable {
    /// Name of the comparison; its directory is `directory`/`name`.
    public var name = "comparison"
    public var directory = "checkpoints"
    public var evaluation = EvaluationSection()

    public init() {}

    /// Settings of sampling, and what samples are compared with.
    public struct EvaluationSection: Sendable, Equatable {
        /// Folder or shards of reference images, preferably held out from training; empty for the training images.
        public var reference = ""
        /// Number of images sampled from each checkpoint.
        public var pictures = 1000
        /// Maximum number of reference images; 0 for twice `pictures`, so that each half that the baseline is computed
        /// from holds as many images as are sampled.
        public var referencePictures = 0
        /// Seed of the first image's noise; further images have consecutive seeds.
        public var seed: UInt64 = 0
        /// Images sampled at once.
        public var batch = 32
        /// Denoiser evaluations per image, doubled by guidance.
        public var steps = 50
        /// Guidance scales, each evaluated with its own images; 1 is unguided.
        public var guidance: [Float] = [1, 3.5]
        public var guidanceLower: Float = 0.1
        public var guidanceUpper: Float = 1
        public var shift: Float = 1
        /// Saved steps that are evaluated besides the last one; empty for all.
        public var checkpoints: [Int] = []
        public var resamples = 20
        /// Number of reference images that each space reconstructs.
        public var roundTrips = 256
        /// Path of the weights of the network whose features are compared; empty to measure pixels only.
        public var features = ""
        public var network = FeatureNetwork.inception
        public var backend = InceptionInput.torchFidelity
        /// Images per class on the page.
        public var perClass = 4
        /// Maximum number of classes on the page.
        public var classes = 10
    }
}

extension FeatureNetwork: ConfigurationWord {}

extension ComparisonSettings: KeyedConfiguration {
    package static let keys: [ConfigurationKey<ComparisonSettings>] = [
        ConfigurationKey(
            "name", \.name, "name of the comparison; its directory is directory/name",
            limits: "without slashes, not empty and not beginning with a dot"
        ) { !$0.isEmpty && !$0.contains("/") && !$0.hasPrefix(".") },
        .path(
            "directory", \.directory, "folder in which the comparison's directory is created; . for the current one",
            limits: "that is not empty"
        ) { !$0.isEmpty },
        .path(
            "evaluation.reference", \.evaluation.reference,
            "images to compare samples with, preferably held out from training; empty for the training images"),
        .count(
            "evaluation.pictures", \.evaluation.pictures, 2...SizeLimits.images, "images sampled from each checkpoint"),
        .count(
            "evaluation.reference_pictures", \.evaluation.referencePictures, 0...SizeLimits.images,
            "maximum number of reference images; 0 for twice evaluation.pictures"),
        ConfigurationKey(
            "evaluation.seed", \.evaluation.seed,
            "seed of the first image's noise; further images have consecutive seeds"),
        .count("evaluation.batch", \.evaluation.batch, 1...SizeLimits.batch, "images sampled at once"),
        .count("evaluation.steps", \.evaluation.steps, 1...SizeLimits.samplingSteps, "steps of the Euler sampler"),
        ConfigurationKey(
            "evaluation.guidance", \.evaluation.guidance, "guidance scales, each evaluated by itself; 1 is unguided",
            limits: "of at least 0, each different from another, at most 100"
        ) { (1...100).contains($0.count) && Set($0).count == $0.count && $0.allSatisfy { $0 >= 0 } },
        .number(
            "evaluation.guidance_lower", \.evaluation.guidanceLower, in: 0...1, "time above which guidance is applied"),
        .number(
            "evaluation.guidance_upper", \.evaluation.guidanceUpper, in: 0...1, "time below which guidance is applied"),
        .number("evaluation.shift", \.evaluation.shift, in: 1e-3...1e3, "timestep shift of the sampler"),
        ConfigurationKey(
            "evaluation.checkpoints", \.evaluation.checkpoints, "saved steps to evaluate; none for all",
            limits: "from 1 to \(SizeLimits.trainingSteps), or none"
        ) { $0.allSatisfy { (1...SizeLimits.trainingSteps).contains($0) } },
        .count(
            "evaluation.resamples", \.evaluation.resamples, 0...SizeLimits.repeats,
            "resamples for the intervals; 0 for none"),
        .count(
            "evaluation.round_trips", \.evaluation.roundTrips, 2...SizeLimits.images,
            "reference images that each space reconstructs"),
        .path(
            "evaluation.features", \.evaluation.features,
            "weights of the network whose features are compared; empty to measure pixels only"),
        ConfigurationKey("evaluation.network", \.evaluation.network, "network of these weights: inception or dinov2"),
        ConfigurationKey(
            "evaluation.backend", \.evaluation.backend, "resizing for Inception: torch-fidelity or pytorch-fid"),
        .count("evaluation.per_class", \.evaluation.perClass, 1...SizeLimits.images, "images per class on the page"),
        .count(
            "evaluation.classes", \.evaluation.classes, 1...SizeLimits.classes, "maximum number of classes on the page"),
    ]

    /// Directory of the comparison.
    public var path: String { directory.hasSuffix("/") ? directory + name : "\(directory)/\(name)" }
}
