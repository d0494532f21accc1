import PixNerdCheckpoints
import PixNerdDiffusion

/// Turns prompts into a denoiser's condition, and knows what prompts there are.
public protocol Conditioner: Sendable {
    /// The prompts of which images are made where a user asks for none.
    var allPrompts: [Prompt] { get }

    /// The condition for a batch.
    ///
    /// - Parameter isDropped: Whether the image at a position becomes unconditional, as in training for classifier-free
    ///   guidance (Ho and Salimans, arXiv 2207.12598, section 3.2).
    /// - Throws: `PixNerdError` where a prompt is of a kind that the denoiser does not take.
    func condition(_ prompts: [Prompt], isDropped: (_ position: Int) -> Bool) throws -> any Condition

    /// A prompt from a user's text, such as a class by name or number.
    ///
    /// - Throws: `PixNerdError` that says what there is.
    func prompt(from text: String) throws -> Prompt

    /// A short name of a prompt, for file names and captions.
    func name(of prompt: Prompt) -> String

    /// The condition that a PyTorch reference file holds.
    ///
    /// - Parameters:
    ///   - prefix: The tensors' names begin with it: `train.` for a training run, else nothing.
    ///   - count: Number of images.
    /// - Throws: `PixNerdError` naming the tensor that is missing or does not fit.
    func condition(readFrom reference: SafetensorsFile, prefix: String, count: Int) throws -> any Condition
}

extension Conditioner {
    /// The condition for a batch of which nothing is dropped.
    public func condition(_ prompts: [Prompt]) throws -> any Condition { try condition(prompts) { _ in false } }
}
