/// The content that a user asks for. A `Conditioner` turns prompts into a denoiser's condition.
public enum Prompt: Sendable, Hashable {
    /// A class by its number.
    case label(Int)

    /// The number that sample arrays record for the prompt: the class label.
    public var number: Int {
        switch self {
        case .label(let label): label
        }
    }
}
