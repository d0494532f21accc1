import PixNerdText

/// A text encoder and how a conditioner uses it.
public struct TextEncoderUse: Sendable {
    /// The encoder; nil if none is known.
    public var encoder: (any TextEncoding)?
    /// What stands for an empty text.
    public var emptyPrompt: EmptyPrompt
    /// The text whose rows stand for "no condition".
    public var negativePrompt: String
    /// What is done with a text before it is encoded.
    public var cleaning: CaptionCleaning

    public init(
        _ encoder: (any TextEncoding)? = nil, emptyPrompt: EmptyPrompt = .seesNothing, negativePrompt: String = "",
        cleaning: CaptionCleaning = .none
    ) {
        (self.encoder, self.emptyPrompt, self.negativePrompt) = (encoder, emptyPrompt, negativePrompt)
        self.cleaning = cleaning
    }
}
