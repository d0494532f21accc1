import PixNerdTensors

/// The rows that a text encoder gives for one text, [L, E].
///
/// Compared by identity: a denoiser computes what depends on a text once for all images that share one value.
public final class TextRows: Sendable {
    /// [L, E], with the rows of padding.
    public let tensor: Tensor

    public init(_ tensor: Tensor) {
        precondition(tensor.shape.count == 2, "TextRows: \(tensor.shape) are not rows of a text")
        self.tensor = tensor
    }
}

/// Texts as a condition.
public struct TextCondition: Condition {
    /// The rows of one text per image.
    public let texts: [TextRows]
    /// The rows of the text that stands for "no condition": of the empty prompt, or of a negative prompt.
    public let nothing: TextRows

    public init(_ texts: [TextRows], nothing: TextRows) {
        self.texts = texts
        self.nothing = nothing
    }

    public var count: Int { texts.count }

    public var unconditional: TextCondition { TextCondition(texts.map { _ in nothing }, nothing: nothing) }

    public func rows(_ range: Range<Int>) -> TextCondition { TextCondition(Array(texts[range]), nothing: nothing) }

    public func joined(with other: any Condition) -> TextCondition {
        TextCondition(texts + other.expectPlain(TextCondition.self).texts, nothing: nothing)
    }
}
