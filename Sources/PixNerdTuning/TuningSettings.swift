import PixNerdDiffusion
import PixNerdEvaluation
import PixNerdModels

/// What a tuning of a run tries, and how it measures.
public struct TuningSettings: Sendable {
    /// Lengths of averages to try besides the EMA; nil for some between those that the run keeps and longer ones.
    public var lengths: [Double]?
    /// Scales of classifier-free guidance to try.
    public var guidance: [Float] = [1, 1.5, 2, 2.5, 3, 4]
    /// Times between which guidance acts, to try.
    public var intervals: [(low: Float, high: Float)] = [(0, 1), (0.1, 0.9), (0.25, 0.85)]
    public var samplers: [Sampler] = [.euler, .adams(order: 2)]
    /// Numbers of steps to try besides the run's.
    public var steps: [Int] = []
    /// Timestep shifts to try besides the run's.
    public var shifts: [Float] = []
    /// Folder, shards or array of real images; nil for the run's training images.
    public var reference: String?
    public var measure = TuningMeasure.slicedWasserstein
    /// Path of the network whose features are compared; nil for none.
    public var weights: String?
    public var network = FeatureNetwork.inception
    /// Resizing of images for Inception.
    public var input = InceptionInput.torchFidelity
    /// Number of images of the last round and of the final comparison.
    public var images = 512
    /// Seconds that the tuning may take. It ends at the latest with the measurement that exceeds them.
    public var seconds = 600.0
    /// Seed of the first image.
    public var seed: UInt64 = 0
    /// Images per batch.
    public var batch = 16

    public init() {}
}

/// A measure that settings are compared by; lower is better.
public enum TuningMeasure: String, Sendable, CaseIterable {
    /// Sliced Wasserstein distance, mean over the levels of the pyramid. It needs no network.
    case slicedWasserstein = "swd"
    /// Distance of the power spectra. It needs no network.
    case spectrum
    /// Fréchet distance between the features of a network.
    case frechet = "fid"
    /// Fréchet distance between the spatial features of Inception.
    case spatialFrechet = "sfid"

    /// Whether a network is needed.
    public var needsFeatures: Bool { self == .frechet || self == .spatialFrechet }
}
