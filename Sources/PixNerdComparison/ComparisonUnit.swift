/// A piece of a comparison's work, which is done as a whole and recorded.
public enum ComparisonUnit: Sendable, Equatable {
    /// Trains a pipeline's autoencoder.
    case autoencoder(pipeline: String)
    /// Trains a pipeline's denoiser, or takes its run.
    case training(pipeline: String)
    /// Sends images into a pipeline's space and back.
    case space(pipeline: String)
    /// Samples images from a saved step.
    case sampling(pipeline: String, step: Int, guidance: Float)
    /// Compares them with the reference.
    case evaluation(pipeline: String, step: Int, guidance: Float)
    /// Shows the way of some images from noise.
    case trajectory(pipeline: String)

    public var pipeline: String {
        switch self {
        case .autoencoder(let name), .training(let name), .space(let name), .trajectory(let name): name
        case .sampling(let name, _, _), .evaluation(let name, _, _): name
        }
    }

    /// By which it is asked for, and its record is found.
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

    /// For a person.
    public var description: String {
        switch self {
        case .autoencoder: "\(pipeline): training its autoencoder"
        case .training: "\(pipeline): training"
        case .space: "\(pipeline): pictures into its space and back"
        case .sampling(_, let step, let guidance): "\(pipeline): sampling step \(step), guidance \(guidance)"
        case .evaluation(_, let step, let guidance): "\(pipeline): measuring step \(step), guidance \(guidance)"
        case .trajectory: "\(pipeline): the way from noise"
        }
    }
}
