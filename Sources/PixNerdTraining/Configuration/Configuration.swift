import PixNerdDiffusion
import PixNerdImages
import PixNerdLayers
import PixNerdModels
import PixNerdOptimization
import PixNerdTensors

/// Everything that a training run is asked for. The keys of its YAML are listed in `ConfigurationKeys`.
public struct Configuration: Sendable, Equatable {
    /// The run's name: its directory is `directory`/`name`.
    public var name = "run"
    public var directory = "checkpoints"
    public var seed: UInt64 = 0
    /// 0 for all processors.
    public var threads = 0
    /// Of large products.
    public var precision = Precision.fp32
    /// What is trained.
    public var kind = Kind.denoiser
    /// What a denoiser is trained in.
    public var space = SpaceKind.pixel
    public var model = DenoiserOptions()
    public var data = DataSection()
    public var training = TrainingSection()
    public var repa = AlignmentSection()
    public var latent = LatentSection()
    public var autoencoder = AutoencoderSection()
    public var sampling = SamplingSection()

    public init() {}

    public enum Kind: String, Sendable, CaseIterable {
        case denoiser
        case autoencoder
    }

    public enum SpaceKind: String, Sendable, CaseIterable {
        case pixel
        case latent
    }

    public struct DataSection: Sendable, Equatable {
        public var root = ""
        public var imageSize = 32
        public var workers = 1
        public var prefetchBatches = 4
        public var prefetchMegabytes = 512
        public var crop = CropMode.center
        public var flip = false
        /// Lets libjpeg-turbo scale down while it decodes: faster, and not the pixels that Pillow gives.
        public var fastDecode = false
    }

    public struct TrainingSection: Sendable, Equatable {
        public var steps = 10000
        public var batchSize = 64
        /// Forward and backward passes that a batch is split into, to save memory.
        public var accumulate = 1
        public var learningRate: Float = 1e-4
        public var warmupSteps = 0
        public var schedule = LearningRateSchedule.constant
        public var beta1: Float = 0.9
        public var beta2: Float = 0.999
        public var epsilon: Float = 1e-8
        public var weightDecay: Float = 0
        /// The largest global norm of the gradients; 0 for no clipping.
        public var gradientClip: Float = 0
        /// Of each moving average; the first is the one that is sampled from.
        public var emaDecay: [Float] = [0.9999]
        public var emaWarmup = true
        public var recompute = false
        /// Whether processes that train together have a share each of moments and averages.
        public var sharesOptimizer = false
        public var labelDropout: Float = 0.1
        public var timeSampling = TimeSampling.logNormal
        public var timeShift: Float = 1
        public var logEvery = 10
        public var saveEvery = 1000
        /// Saved steps that are kept, and every which steps besides; 0 for all, and for none besides.
        public var keepLast = 0
        public var keepEvery = 0
        public var onSaveFailure = SaveFailure.stop
        /// Steps whose gradient norm is so many standard deviations above the last ones' are skipped; 0 for none.
        public var skipOutliers: Float = 0
        public var previewEvery = 500
        /// Sides in pixels at which patches are decoded besides that of the pictures; none where empty.
        public var fieldSizes: [Int] = []
    }

    /// How tokens are aligned with an encoder's features, where there is one.
    public struct AlignmentSection: Sendable, Equatable {
        /// A DINOv2 file or directory; empty for none.
        public var encoder = ""
        /// Attention heads of the encoder; 0 where its file or a width of 64 says how many.
        public var heads = 0
        /// A directory of features that were computed ahead; empty to compute them in the step.
        public var features = ""
        /// The block whose tokens are aligned, counted from 1.
        public var layer = 8
        /// What the loss counts beside that of the velocity.
        public var weight: Float = 0.5
        /// Of the projector's inner layers; 0 for that of the tokens.
        public var projectorWidth = 0
        /// Side in pixels of what becomes a patch of the encoder; 0 for the model's patch.
        public var basePatch = 0

        public var isOn: Bool { !encoder.isEmpty || !features.isEmpty }
    }

    /// The latents that a denoiser is trained in, where it is not in pixels.
    public struct LatentSection: Sendable, Equatable {
        /// A directory of diffusers', a file of weights, or a run of kind autoencoder.
        public var autoencoder = ""
        /// A directory of latents that were computed ahead; empty to compute them in the step.
        public var cache = ""
        /// For an autoencoder whose file does not say it; 0 where it does.
        public var scalingFactor: Float = 0
        public var shiftFactor: Float = 0
        /// Whether a run begins only where the scaled latents of its pictures are near mean 0 and deviation 1.
        public var checkScale = true

        /// What is asked for, where something is.
        var scale: LatentScale? {
            scalingFactor > 0 ? LatentScale(factor: scalingFactor, shift: shiftFactor) : nil
        }
    }

    /// An autoencoder that is trained.
    public struct AutoencoderSection: Sendable, Equatable {
        public var latentChannels = 4
        /// The width of each level, the finest first; each level after the first halves the sides.
        public var widths = [32, 64, 64]
        public var blocksPerLevel = 1
        public var groups = 32
        public var hasAttention = true
        public var reconstruction = AutoencoderLoss.Reconstruction.l1
        public var divergenceWeight: Float = 1e-6
        /// A file of features whose distance is added to the loss; empty for none.
        public var perceptual = ""
        public var perceptualWeight: Float = 1

        /// Whether a weight is given for a distance that there is none of.
        var weighsNothing: Bool { perceptual.isEmpty && perceptualWeight != AutoencoderSection().perceptualWeight }

        /// - Throws: `ArchitectureError` naming a size that cannot be.
        func architecture() throws -> AutoencoderArchitecture {
            try AutoencoderArchitecture(
                latentChannels: latentChannels, levelWidths: widths, blocksPerLevel: blocksPerLevel, groups: groups,
                hasAttention: hasAttention)
        }
    }

    /// What happens when something cannot be written, such as on a full disk.
    public enum SaveFailure: String, Sendable, CaseIterable {
        case stop
        case goOn = "continue"
    }

    /// How previews are sampled.
    public struct SamplingSection: Sendable, Equatable {
        public var steps = 50
        public var guidance: Float = 3.5
        public var guidanceLower: Float = 0.1
        public var guidanceUpper: Float = 1
        public var shift: Float = 1
        /// Classes and pictures of each in a preview.
        public var classes = 10
        public var perClass = 4

        public var settings: SamplingSettings {
            SamplingSettings(
                steps: steps,
                guidance: Guidance(scale: guidance, lowerTime: guidanceLower, upperTime: guidanceUpper), shift: shift)
        }
    }

    /// The directory of the run.
    public var runPath: String { directory.hasSuffix("/") ? directory + name : "\(directory)/\(name)" }

    /// The denoiser's architecture.
    ///
    /// - Parameter channels: Channels of its space.
    /// - Throws: `PixNerdError` naming a size that cannot be.
    public func architecture(channels: Int) throws -> any TrainableArchitecture {
        try KnownDenoisers.architecture(model, channels: channels)
    }

    public var optimizer: AdamW.Settings {
        AdamW.Settings(
            learningRate: training.learningRate, beta1: training.beta1, beta2: training.beta2,
            epsilon: training.epsilon, weightDecay: training.weightDecay)
    }
}
