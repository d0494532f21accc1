import PixNerdCheckpoints
import PixNerdDiffusion

/// Turns prompts into a denoiser's condition, and knows the valid prompts.
public protocol Conditioner: Sendable {
    /// The prompts to sample if the user names none.
    var allPrompts: [Prompt] { get }

    /// The condition for a batch.
    ///
    /// - Parameter isDropped: Whether the image at a position becomes unconditional, as in training for classifier-free
    ///   guidance (Ho and Salimans, arXiv 2207.12598, section 3.2).
    /// - Throws: `PixNerdError` if the denoiser does not take a prompt.
    func condition(_ prompts: [Prompt], isDropped: (_ position: Int) -> Bool) throws -> any Condition

    /// A prompt from a user's text, such as a class by name or number.
    ///
    /// - Throws: `PixNerdError` that lists what is valid.
    func prompt(from text: String) throws -> Prompt

    /// A short name of a prompt, for file names and captions.
    func name(of prompt: Prompt) -> String

    /// The condition that a PyTorch reference file holds.
    ///
    /// - Parameters:
    ///   - prefix: Prefix of the tensors' names: `train.` for a training run, else empty.
    ///   - count: Number of images.
    /// - Throws: `PixNerdError` naming the tensor that is missing or does not fit.
    func condition(readFrom reference: SafetensorsFile, prefix: String, count: Int) throws -> any Condition
}

extension Conditioner {
    /// The condition for a batch in which no condition is dropped.
    public func condition(_ prompts: [Prompt]) throws -> any Condition { try condition(prompts) { _ in false } }
}
