import PixNerdTensors

/// What a text encoder gives for one text, or the mark of a model's own rows for no text.
///
/// Compared by identity: a denoiser computes what depends on a text once for all images that share one value.
public final class TextRows: Sendable {
    /// The rows of the text's tokens, [K, E], with those of padding if the encoder gives them; nil for the model's own
    /// rows.
    public let encoded: Tensor?
    /// Number of rows K.
    public let count: Int

    /// The rows of an encoder, [K, E].
    public init(_ tensor: Tensor) {
        precondition(tensor.shape.count == 2, "TextRows: \(tensor.shape) are not rows of a text")
        (encoded, count) = (tensor, tensor.shape[0])
    }

    /// The rows that a model has of its own for "no condition".
    ///
    /// - Parameter count: Number of these rows that the model reads, for models that read as many as of a prompt.
    public init(ownOfModel count: Int) { (encoded, self.count) = (nil, count) }

    /// The rows of an encoder, [K, E].
    ///
    /// - Precondition: these are not a model's own rows. A `Conditioner` makes those only for models that have some.
    public var tensor: Tensor {
        guard let encoded else { preconditionFailure("TextRows: the model has no rows of its own for no condition") }
        return encoded
    }
}

/// Texts as a condition.
public struct TextCondition: Condition {
    /// The rows of one text per image.
    public let texts: [TextRows]
    /// For each image the rows that stand for "no condition": of the empty prompt, of a negative prompt, or the model's
    /// own.
    public let nothing: [TextRows]

    /// - Precondition: there are as many rows for "no condition" as texts.
    public init(_ texts: [TextRows], nothing: [TextRows]) {
        precondition(
            texts.count == nothing.count, "TextCondition: \(nothing.count) rows for nothing and \(texts.count) texts")
        (self.texts, self.nothing) = (texts, nothing)
    }

    /// Texts that share their rows for "no condition".
    public init(_ texts: [TextRows], nothing: TextRows) {
        self.init(texts, nothing: texts.map { _ in nothing })
    }

    public var count: Int { texts.count }

    public var unconditional: TextCondition { TextCondition(nothing, nothing: nothing) }

    public func rows(_ range: Range<Int>) -> TextCondition {
        TextCondition(Array(texts[range]), nothing: Array(nothing[range]))
    }

    public func joined(with other: any Condition) -> TextCondition {
        let other = other.expectPlain(TextCondition.self)
        return TextCondition(texts + other.texts, nothing: nothing + other.nothing)
    }
}
