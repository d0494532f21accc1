import PixNerdDiffusion
import PixNerdModels
import PixNerdSpaces
import PixNerdTensors

/// How images of another size than that of training are sampled.
public enum SizeRoute: String, Sendable, CaseIterable {
    /// `field` where the model was trained at several densities, else `grid`.
    case auto
    /// More or fewer patches, with positions stretched over the same square.
    case grid
    /// The patches of training, each decoded at more or fewer pixels by evaluating its field at other positions.
    case field
}

/// The timestep shift of sampling.
public enum ShiftChoice: Sendable, Equatable {
    case value(Float)
    /// The run's own shift times the square root of how many times more pixels than in training are made.
    case auto
}

/// The noise that images begin with.
public enum NoiseChoice: Sendable, Equatable {
    /// Noise that PyTorch draws from the seed on a CPU.
    case torch
    /// A counter-based stream keyed by the seed.
    case philox
    /// A `.safetensors` file with noise for each image.
    case file(String)

    var name: String {
        switch self {
        case .torch: "torch"
        case .philox: "philox"
        case .file: "file"
        }
    }
}

/// How to sample from a checkpoint. What is nil is taken from the checkpoint's run, or else from usual defaults.
public struct SamplingOptions: Sendable {
    /// EMA or raw weights; EMA where the checkpoint has them.
    public var weights: WeightKind?
    /// Path of the autoencoder of a model in latents, where it is not at the recorded path.
    public var autoencoder: String?
    /// Accepts an autoencoder with other weights or another scale than the model was trained with.
    public var allowsOtherAutoencoder = false
    /// Side in pixels of the overlapping tiles that latents are decoded in; nil for whole images.
    public var tile: Int?
    /// Height and width in pixels; nil for the size of training.
    public var size: (height: Int, width: Int)?
    public var route = SizeRoute.auto
    public var sampler = Sampler.euler
    /// Number of steps; nil for the run's, else 100.
    public var steps: Int?
    /// Fraction of [0, 1] covered by the last step; nil for 1 / steps.
    public var lastStep: Float?
    /// Scale of classifier-free guidance in each interval; nil for the run's, else 3.5.
    public var guidance: [Float]?
    /// Bounds of the intervals in which guidance acts; nil for the run's, else 0.1 and 1.
    public var guidanceInterval: [Float]?
    /// Timestep shift; nil for the run's, else 1.
    public var shift: ShiftChoice?
    public var noise = NoiseChoice.torch
    /// Images per batch.
    public var batch = 16

    public init() {}
}
