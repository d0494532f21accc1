import PixNerdDiffusion
import PixNerdImages
import PixNerdLayers
import PixNerdModels
import PixNerdOptimization
import PixNerdSupport
import PixNerdTensors

/// The configuration of a training run. `Configuration.keys` lists the keys of its YAML form.
public struct Configuration: Sendable, Equatable {
    /// Name of the run, whose directory is `directory`/`name`.
    public var name = "run"
    public var directory = "checkpoints"
    public var seed: UInt64 = 0
    /// Number of threads; 0 for all processors.
    public var threads = 0
    /// Precision of large matmuls.
    public var precision = Precision.fp32
    /// The kind of model to train.
    public var kind = Kind.denoiser
    /// The space that a denoiser is trained in.
    public var space = SpaceKind.pixel
    /// The run, step or file whose weights a new run begins with; empty for fresh weights.
    public var from = ""
    public var start = StartSection()
    /// What the denoiser is, and where its sizes come from.
    public var modelSource = ModelSource.pixnerd
    public var model = DenoiserOptions()
    public var data = DataSection()
    public var training = TrainingSection()
    public var lora = LoRASection()
    public var subject = SubjectSection()
    public var dispersive = DispersiveSection()
    public var fewSteps = FewStepsSection()
    public var control = ControlSection()
    public var text = TextSection()
    public var repa = AlignmentSection()
    public var latent = LatentSection()
    public var autoencoder = AutoencoderSection()
    public var video = VideoSection()
    public var sampling = SamplingSection()

    public init() {}

    public enum Kind: String, Sendable, CaseIterable {
        case denoiser
        case autoencoder
        case videoAutoencoder = "video-autoencoder"
    }

    public enum SpaceKind: String, Sendable, CaseIterable {
        case pixel
        case latent
    }

    public struct DataSection: Sendable, Equatable {
        public var root = ""
        /// Where the classes of the images come from; see `LabelOptions`.
        public var labels = ""
        /// Column or key of the labels; empty for the usual one.
        public var labelKey = ""
        /// Columns or keys of numbers that the model is told of each image.
        public var values: [String] = []
        /// Size that images are cropped and scaled to; with `buckets` the usual one of several.
        public var imageSize: ImageSize = 32
        /// The sizes of batches, if there are several.
        public var buckets = BucketChoice.none
        public var workers = 1
        public var prefetchBatches = 4
        public var prefetchMegabytes = 512
        /// `auto`, or what `PixelFormat.Channels` reads.
        public var channels = "auto"
        /// Stored values that become -1 and 1; empty for the whole range of the files' type.
        public var range: [Float] = []
        public var exif = EXIFHandling.apply
        public var crop = CropMode.center
        public var flip = false
        /// Probability of each transform of an image that the model is told of; 0 for none.
        public var augment: Float = 0
        /// The transforms to draw from.
        public var augmentOnly = Augmentation.Kind.allCases
        /// What the model reads beside the noisy pixels: `grey`, `small` or `masked` images, or the pictures of a folder;
        /// empty for nothing.
        public var condition = ""
        /// How many times smaller small pictures are.
        public var conditionScale = 4
        /// Share of the images that is kept from training, for the held-out loss; 0 for none.
        public var holdout: Float = 0
        /// Folder or shards of images for the held-out loss, instead of a share; empty for none.
        public var holdoutRoot = ""
        /// Column or key of the captions; empty for the usual ones.
        public var captionKey = ""
        /// Caption of the images of a class folder, with {} for the name of the class; empty for captions beside the
        /// images.
        public var captionTemplate = ""
        /// Whether the newline at the end of a caption file is a part of the caption.
        public var captionNewline = false
        /// Whether images without a caption are left out instead of refused.
        public var skipUncaptioned = false
        /// Whether libjpeg-turbo scales down while decoding: faster, but with other pixels than Pillow's.
        public var fastDecode = false
    }

    public struct TrainingSection: Sendable, Equatable {
        public var steps = 10000
        public var batchSize = 64
        /// Number of forward and backward passes that a batch is split into, to save memory.
        public var accumulate = 1
        public var optimizer = OptimizerKind.adamw
        public var learningRate: Float = 1e-4
        public var warmupSteps = 0
        public var schedule = LearningRateSchedule.constant
        public var beta1: Float = 0.9
        public var beta2: Float = 0.999
        public var epsilon: Float = 1e-8
        public var weightDecay: Float = 0
        /// Decay of Muon's momentum.
        public var muonMomentum: Float = 0.95
        /// Largest global norm of the gradients; 0 for no clipping.
        public var gradientClip: Float = 0
        /// Decays of the EMAs of the weights; the first EMA is used for sampling.
        public var emaDecay: [Float] = [0.9999]
        /// Whether the decay of the EMAs starts low and rises to `emaDecay`.
        public var emaWarmup = true
        /// Lengths of the averages, besides the EMAs, that are kept of each save to choose a length afterwards.
        public var emaLengths: [Double] = []
        /// Whether the backward pass recomputes activations, to save memory.
        public var recompute = false
        /// Whether each of several processes keeps only a share of the AdamW moments and EMAs.
        public var sharesOptimizer = false
        /// Fraction of images trained without a condition; nil for the usual one, or none if there is one class.
        public var labelDropout: Float?
        public var timeSampling = TimeSampling.logNormal
        public var timeShift: Float = 1
        public var logEvery = 10
        public var saveEvery = 1000
        /// Number of latest checkpoints to keep; 0 for all.
        public var keepLast = 0
        /// Interval in steps of the checkpoints to keep besides the latest; 0 for none.
        public var keepEvery = 0
        public var onSaveFailure = SaveFailure.stop
        /// Number of standard deviations above recent gradient norms from which a step is skipped; 0 to skip none.
        public var skipOutliers: Float = 0
        public var previewEvery = 500
        /// Interval in steps of the held-out loss; 0 to keep images from training without measuring them.
        public var holdoutEvery = 500
        /// Number of noisy held-out images that the loss is measured on, and of images that are trained on.
        public var holdoutImages = 256
        /// Interval in steps of the distances of samples to real images; 0 for none.
        public var distanceEvery = 0
        /// Number of samples that are measured, and half the number of the real images.
        public var distanceImages = 200
        /// Path of the Inception weights for FID; empty for none.
        public var distanceWeights = ""
        /// Sides in pixels, besides `imageSize`, at which patches are decoded in training.
        public var fieldSizes: [Int] = []
        /// What the network predicts.
        public var target = Prediction.Target.velocity
        /// Rank of the subspace of an asymmetric target.
        public var noiseRank = 8
        /// Standard deviation of the noise.
        public var noiseScale: Float = 1
        /// The smallest 1 - t that the error of a predicted picture is divided by.
        public var floor = Prediction.usualFloor
        /// Mean of lognormal times before the sigmoid.
        public var timeMean: Float = 0
        /// Standard deviation of lognormal times before the sigmoid.
        public var timeDeviation: Float = 1
        public var timeWeight = TimeWeight.constant
        /// Weight of the loss by frequency; 0 for none.
        public var frequencyWeight: Float = 0
        /// JPEG quality of the tables of the loss by frequency.
        public var frequencyQuality = 85
        /// What of the model is trained.
        public var train = Trained.all
        /// Patterns of names of parameters that are not trained.
        public var freeze: [String] = []
    }

    /// The loss that keeps tokens apart, off by default.
    public struct DispersiveSection: Sendable, Equatable {
        /// Weight relative to the velocity loss; 0 for none.
        public var weight: Float = 0
        public var form = DispersiveForm.paper
        /// Number of the block whose tokens are kept apart, counted from 1.
        public var layer = 8
        public var temperature: Float = 1
    }

    /// The texts that a denoiser is conditioned on instead of classes, off by default.
    public struct TextSection: Sendable, Equatable {
        /// Directory of the text encoder; empty for a model of classes, or for a cache.
        public var encoder = ""
        /// Directory of encoded captions; empty to encode them during training.
        public var cache = ""
        /// Number of tokens that captions are cut or padded to.
        public var length = 128
        /// What the rows of the empty prompt attend to.
        public var emptyPrompt = EmptyPrompt.seesNothing

        public var isOn: Bool { !encoder.isEmpty || !cache.isEmpty }
    }

    /// The alignment of tokens with the features of an encoder (REPA), off by default.
    public struct AlignmentSection: Sendable, Equatable {
        /// Path of a DINOv2 file or directory; empty for none.
        public var encoder = ""
        /// Number of attention heads of the encoder; 0 for the number in its file, else its width / 64.
        public var heads = 0
        /// Directory of precomputed features; empty to compute them during training.
        public var features = ""
        /// Number of the block whose tokens are aligned, counted from 1.
        public var layer = 8
        /// Weight of the alignment loss relative to the velocity loss.
        public var weight: Float = 0.5
        /// Width of the projector's hidden layers; 0 for the width of the tokens.
        public var projectorWidth = 0
        /// Side in pixels of the image area that becomes one patch of the encoder; 0 for the model's patch size.
        public var basePatch = 0

        public var isOn: Bool { !encoder.isEmpty || !features.isEmpty }
    }

    /// Architecture and loss of an autoencoder to train.
    public struct AutoencoderSection: Sendable, Equatable {
        public var latentChannels = 4
        /// Width of each level, finest first; each level after the first halves the sides.
        public var widths = [32, 64, 64]
        public var blocksPerLevel = 1
        public var groups = 32
        public var hasAttention = true
        public var reconstruction = AutoencoderLoss.Reconstruction.l1
        public var divergenceWeight: Float = 1e-6
        /// Path of a network whose feature distance is added to the loss; empty for none.
        public var perceptual = ""
        public var perceptualWeight: Float = 1

        /// Whether `perceptualWeight` is set without a perceptual loss.
        var weighsNothing: Bool { perceptual.isEmpty && perceptualWeight != AutoencoderSection().perceptualWeight }

        /// The autoencoder's architecture.
        ///
        /// - Parameter channels: channels of its images.
        /// - Throws: `PixNerdError` naming an invalid size.
        func architecture(channels: Int) throws -> AutoencoderArchitecture {
            try AutoencoderArchitecture(
                channels: channels, latentChannels: latentChannels, levelWidths: widths, blocksPerLevel: blocksPerLevel,
                groups: groups,
                hasAttention: hasAttention)
        }
    }

    /// The reaction to a file that cannot be written, such as on a full disk.
    public enum SaveFailure: String, Sendable, CaseIterable {
        case stop
        case goOn = "continue"
    }

    /// Sampling of previews.
    public struct SamplingSection: Sendable, Equatable {
        public var steps = 50
        /// Scale of guidance; nil for the usual one, or none if there is one class.
        public var guidance: Float?
        public var guidanceLower: Float = 0.1
        public var guidanceUpper: Float = 1
        public var shift: Float = 1
        /// File with the prompts of previews, one in each line; empty for captions of the training images.
        public var prompts = ""
        /// Number of classes or prompts in a preview.
        public var classes = 10
        /// Number of images per class or prompt in a preview.
        public var perClass = 4

        static let usualGuidance: Float = 3.5

        public var settings: SamplingSettings {
            SamplingSettings(
                steps: steps,
                guidance: Guidance(
                    scale: guidance ?? Self.usualGuidance, lowerTime: guidanceLower, upperTime: guidanceUpper),
                shift: shift)
        }
    }

    /// Path of the run's directory.
    public var runPath: String { directory.hasSuffix("/") ? directory + name : "\(directory)/\(name)" }

    public var optimizer: AdamW.Settings {
        AdamW.Settings(
            learningRate: training.learningRate, beta1: training.beta1, beta2: training.beta2,
            epsilon: training.epsilon, weightDecay: training.weightDecay)
    }
}
