import Foundation
import PixNerdSupport
import PixNerdTensors

/// A text encoder with its tokenizer: turns texts into the rows that a denoiser is conditioned on.
public protocol TextEncoding: Sendable {
    /// What the rows depend on besides the text.
    var identity: TextEncoderIdentity { get }

    /// The part of a text that is beyond a number of tokens; nil if all of it is within.
    func cutOff(_ text: String, length: Int) -> String?

    /// Number of tokens of a text, at most a number; the rows behind them are those of padding.
    func tokenCount(_ text: String, length: Int) -> Int

    /// The rows of texts, [K, E] each: L with those of padding where models are trained to see them, as with Qwen3; those
    /// of a text's own tokens, 1 ... L, where they are not, as with T5.
    ///
    /// - Parameters:
    ///   - length: Number of tokens L that each text is cut to, or padded.
    ///   - emptyPrompt: What the rows of an empty text attend to that is padding alone.
    ///   - isCancelled: Called now and then; returns whether to end with `CancellationError`.
    /// - Throws: `PixNerdError` if the encoder's files cannot be read, or `CancellationError`.
    func rows(
        of texts: [String], length: Int, emptyPrompt: EmptyPrompt, isCancelled: () -> Bool
    ) throws -> [Tensor]
}

extension TextEncoding {
    /// As many tokens as there may be, for encodings that do not know.
    public func tokenCount(_ text: String, length: Int) -> Int { length }

    /// The rows of texts, [L, E] each, with zeros where a text has no rows of padding.
    ///
    /// - Throws: What `rows` throws.
    public func paddedRows(
        of texts: [String], length: Int, emptyPrompt: EmptyPrompt, isCancelled: () -> Bool
    ) throws -> [Tensor] {
        try rows(of: texts, length: length, emptyPrompt: emptyPrompt, isCancelled: isCancelled)
            .map { $0.padded(to: length) }
    }
}

extension Tensor {
    /// Rows of a text [K, E] with zeros behind them, [length, E].
    package func padded(to length: Int) -> Tensor {
        precondition(shape.count == 2 && shape[0] <= length, "padded: \(shape) has more than \(length) rows")
        guard shape[0] < length else { return self }
        return Tensor.concatenated([self, Tensor(zeros: [length - shape[0], shape[1]])])
    }
}

/// A text encoder as checkpoints and caches record it.
public struct TextEncoderIdentity: Codable, Sendable, Equatable {
    /// The directory that it was read from.
    public let path: String
    /// A hash of its weights.
    public let weights: String
    /// A hash of its tokenizer.
    public let tokenizer: String
    /// Width E of its rows.
    public let width: Int

    public init(path: String, weights: String, tokenizer: String, width: Int) {
        (self.path, self.weights, self.tokenizer, self.width) = (path, weights, tokenizer, width)
    }

    /// Whether both give the same rows, whatever the path.
    public func isSame(as other: TextEncoderIdentity) -> Bool {
        weights == other.weights && tokenizer == other.tokenizer && width == other.width
    }

    /// A short description.
    public var text: String { "\(path) (weights \(weights.prefix(8)), tokenizer \(tokenizer.prefix(8)))" }
}

/// The text encoder of a run and how it was used, as a checkpoint's metadata records it.
public struct RecordedTextEncoder: Codable, Sendable, Equatable {
    public let encoder: TextEncoderIdentity
    /// What the rows of the empty prompt attended to in training.
    public let emptyPrompt: EmptyPrompt

    package static let key = "text_encoder"

    enum CodingKeys: String, CodingKey {
        case encoder
        case emptyPrompt = "empty_prompt"
    }

    public init(encoder: TextEncoderIdentity, emptyPrompt: EmptyPrompt) {
        (self.encoder, self.emptyPrompt) = (encoder, emptyPrompt)
    }

    /// The entry of a checkpoint's metadata; nil if there is none.
    package init?(_ metadata: [String: String]) {
        guard let text = metadata[Self.key], let recorded = JSON.value(RecordedTextEncoder.self, from: text) else {
            return nil
        }
        self = recorded
    }
}
