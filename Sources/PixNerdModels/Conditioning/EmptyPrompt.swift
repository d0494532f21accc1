/// What the rows of a prompt without tokens attend to in a causal text encoder, which decides what guidance compares
/// with.
///
/// Such a prompt is padding alone. Libraries differ: transformers up to 4.52, and its eager attention, let every row see
/// all of the padding; later versions add zero.
public enum EmptyPrompt: String, Sendable, CaseIterable, Codable {
    /// Attention adds zero, as in transformers from version 4.53 with its default attention.
    case seesNothing = "sees-nothing"
    /// Every row attends to padding, as in transformers up to 4.52.
    case seesPadding = "sees-padding"
    /// The rows of the text encoder, also for a model that has rows of its own for no text (PixArt in diffusers).
    case encoded

    /// The two conventions of causal encoders.
    public static let ofCausalEncoders: [EmptyPrompt] = [.seesNothing, .seesPadding]
}
