import PixNerdCheckpoints
import PixNerdDiffusion

/// What a denoiser is conditioned on.
public enum PromptKind: Sendable {
    case classes, text
}

/// Where a conditioner takes its names from.
public struct ConditionerSources: Sendable {
    /// Class names by label; nil if there are none.
    public var classNames: [String]?
    /// Whether an image may have several classes, or none at all.
    public var takesSets: Bool
    /// The numbers that the model is told.
    public var values: [TrainedValue]
    /// The text encoder, if any, and how it is used.
    public var text: TextEncoderUse
    /// The file that errors name.
    public var origin: String

    public init(
        classNames: [String]? = nil, takesSets: Bool = false, values: [TrainedValue] = [],
        text: TextEncoderUse = TextEncoderUse(), origin: String
    ) {
        (self.classNames, self.takesSets, self.values) = (classNames, takesSets, values)
        (self.text, self.origin) = (text, origin)
    }
}

/// Turns prompts into a denoiser's condition, and knows the valid prompts.
public protocol Conditioner: Sendable {
    /// Whether prompts are classes or texts.
    var promptKind: PromptKind { get }

    /// Whether an image may have several classes, or none at all.
    var takesSets: Bool { get }

    /// The numbers that the model is told besides a prompt's content.
    var values: [TrainedValue] { get }

    /// The prompts to sample if the user names none, without values.
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

    /// The name of a prompt, for captions.
    func name(of prompt: Prompt) -> String

    /// The name of a prompt that begins the names of its images' files; different for different prompts.
    func fileName(of prompt: Prompt) -> String

    /// What a user should know about how some prompts are taken, each as a sentence without a full stop.
    func remarks(_ prompts: [Prompt]) -> [String]

    /// Computes what the conditions of some prompts need, keeps it for the calls of `condition` that follow, and gives back
    /// what was kept for other prompts.
    ///
    /// - Parameter isCancelled: Called now and then; returns whether to end with `CancellationError`.
    /// - Throws: `PixNerdError` if a prompt is not valid, or `CancellationError`.
    func prepare(_ prompts: [Prompt], isCancelled: () -> Bool) throws

    /// The condition that a PyTorch reference file holds.
    ///
    /// - Parameters:
    ///   - prefix: Prefix of the tensors' names: `train.` for a training run, else empty.
    ///   - count: Number of images.
    /// - Throws: `PixNerdError` naming the tensor that is missing or does not fit.
    func condition(readFrom reference: SafetensorsFile, prefix: String, count: Int) throws -> any Condition
}

extension Conditioner {
    public func fileName(of prompt: Prompt) -> String { name(of: prompt) }
    public var takesSets: Bool { false }
    public var values: [TrainedValue] { [] }
    public func remarks(_ prompts: [Prompt]) -> [String] { valueRemarks(prompts) }
    public func prepare(_ prompts: [Prompt], isCancelled: () -> Bool) throws {}

    /// The condition for a batch in which no condition is dropped.
    public func condition(_ prompts: [Prompt]) throws -> any Condition { try condition(prompts) { _ in false } }
}
