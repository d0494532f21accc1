import PixNerdDiffusion
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors
import PixNerdText

/// The method to sample images of another size than the training images.
public enum SizeRoute: String, Sendable, CaseIterable {
    /// `field` if the model was trained at several densities, else `grid`.
    case auto
    /// More or fewer patches, with positions stretched over the same square.
    case grid
    /// The patch grid of training, with each patch decoded at more or fewer pixels by evaluating its field at other
    /// positions.
    case field
}

/// The timestep shift of sampling.
public enum ShiftChoice: Sendable, Equatable {
    case value(Float)
    /// The run's own shift times the square root of the ratio of sampled to training pixels.
    case auto
}

/// The initial noise of images.
public enum NoiseChoice: Sendable, Equatable {
    /// Noise that PyTorch draws from the seed on a CPU.
    case torch
    /// The noise of PyTorch, with a prompt's images drawn one after another from one seed, as in the published demo.
    case published
    /// A counter-based stream keyed by the seed.
    case philox
    /// A `.safetensors` file with noise for each image.
    case file(String)

    var name: String {
        switch self {
        case .torch: "torch"
        case .published: "published"
        case .philox: "philox"
        case .file: "file"
        }
    }
}

/// Options to sample from a checkpoint. Options that are nil take the setting of the checkpoint's run, or else a
/// default.
public struct SamplingOptions: Sendable {
    /// EMA or raw weights; nil for EMA if the checkpoint has them.
    public var weights: WeightKind?
    /// LoRAs that are merged into the weights.
    public var loras: [LoRAChoice] = []
    /// Path of a latent model's autoencoder; nil for the recorded path.
    public var autoencoder: String?
    /// Accepts an autoencoder with other weights or another scale than the model was trained with.
    public var allowsOtherAutoencoder = false
    /// Directory of a text model's encoder; nil for the recorded one.
    public var textEncoder: String?
    /// Accepts a text encoder with other weights or another tokenizer than the model was trained with.
    public var allowsOtherTextEncoder = false
    /// What the rows of an empty prompt attend to; nil for what the run recorded, else nothing.
    public var emptyPrompt: EmptyPrompt?
    /// What is done with prompts before they are encoded; nil for what models of the kind are published with.
    public var captionCleaning: CaptionCleaning?
    /// The text that takes the place of the empty prompt in guidance; nil for the empty prompt.
    public var negativePrompt: String?
    /// Side in pixels of the overlapping tiles that latents are decoded in; nil for whole images.
    public var tile: Int?
    /// Height and width in pixels; nil for the training size.
    public var size: ImageSize?
    public var route = SizeRoute.auto
    /// The sampler; nil for the one that models of this kind are published with.
    public var sampler: Sampler?
    /// Number of steps; nil for the run's, else the published number.
    public var steps: Int?
    /// Where the steps of a diffusion model lie; nil for what such models are published with.
    public var grid: DiffusionGrid?
    /// The diffusion step that pure noise stands for; nil for 999, or 400 if there is one step.
    public var firstStep: Int?
    /// Fraction of [0, 1] covered by the last step; nil for 1 / steps.
    public var lastStep: Float?
    /// Scale of guidance in each interval; nil for the run's, else the published scale.
    public var guidance: [Float]?
    /// Bounds of the intervals in which guidance acts; nil for the run's, else the published ones.
    public var guidanceInterval: [Float]?
    public var guidanceRule = Guidance.Rule.plain
    /// A worse checkpoint that guidance leads away from (autoguidance): a file, a run, or a saved step as `RUN@STEP`; nil
    /// for the model itself without a condition.
    public var guide: String?
    /// Number of first steps that leave the noise as it is.
    public var zeroSteps = 0
    /// Timestep shift; nil for the run's, else the published one.
    public var shift: ShiftChoice?
    /// The smallest 1 - t that a predicted picture's distance is divided by; nil for the checkpoint's, else the published
    /// one.
    public var floor: Float?
    /// A ControlNet and the pictures that it is shown.
    public var control = ControlChoice()
    public var noise = NoiseChoice.torch
    /// The picture that all images begin with or keep parts of; nil for images from noise alone.
    public var edit: EditOptions?
    /// Images per batch.
    public var batch = 16

    public init() {}
}
