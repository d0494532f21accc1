/// A unit of a comparison's work, which is done as a whole and then recorded.
public enum ComparisonUnit: Sendable, Equatable {
    /// Trains a pipeline's autoencoder.
    case autoencoder(pipeline: String)
    /// Trains a pipeline's denoiser, or uses its existing run.
    case training(pipeline: String)
    /// Reconstructs reference images in a pipeline's space.
    case space(pipeline: String)
    /// Samples images from a saved step.
    case sampling(pipeline: String, step: Int, guidance: Float)
    /// Compares the samples of a saved step with the reference.
    case evaluation(pipeline: String, step: Int, guidance: Float)
    /// Records the denoising trajectories of a few images.
    case trajectory(pipeline: String)

    public var pipeline: String {
        switch self {
        case .autoencoder(let name), .training(let name), .space(let name), .trajectory(let name): name
        case .sampling(let name, _, _), .evaluation(let name, _, _): name
        }
    }

    /// Name that identifies the unit and its record.
    public var name: String {
        switch self {
        case .autoencoder: "\(pipeline).autoencoder"
        case .training: "\(pipeline).training"
        case .space: "\(pipeline).space"
        case .sampling(_, let step, let guidance): "\(pipeline).step-\(step).guidance-\(guidance).samples"
        case .evaluation(_, let step, let guidance): "\(pipeline).step-\(step).guidance-\(guidance).evaluation"
        case .trajectory: "\(pipeline).trajectory"
        }
    }

    /// Description to display.
    public var description: String {
        switch self {
        case .autoencoder: "\(pipeline): training its autoencoder"
        case .training: "\(pipeline): training"
        case .space: "\(pipeline): reconstructing reference images"
        case .sampling(_, let step, let guidance): "\(pipeline): sampling step \(step), guidance \(guidance)"
        case .evaluation(_, let step, let guidance): "\(pipeline): evaluating step \(step), guidance \(guidance)"
        case .trajectory: "\(pipeline): denoising trajectories"
        }
    }
}
