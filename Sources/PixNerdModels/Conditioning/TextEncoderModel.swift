import PixNerdSupport
import PixNerdTensors

/// The network of a text encoder, which turns the tokens of texts into rows.
public protocol TextEncoderModel: Sendable {
    var architecture: TextEncoderArchitecture { get }
    /// Whether the weights stay in memory between calls.
    var keepsWeights: Bool { get }

    /// The rows of texts after the last norm.
    ///
    /// - Parameters:
    ///   - ids: B texts of L token ids each, with padding at the end.
    ///   - counts: Number of tokens of each text that are no padding, B values in 0 ... L.
    ///   - emptyPrompt: What the rows of a text of 0 tokens see, where rows of padding are computed.
    ///   - afterLayer: Called after each layer with the number of finished layers; what it throws ends the work.
    /// - Returns: [B, L, E]; the rows of padding are zero if `architecture.givesPadding` is false.
    /// - Throws: `PixNerdError` if an id is not in the table of tokens, numbers do not fit, or the file cannot be read;
    ///   what `afterLayer` throws.
    func callAsFunction(
        _ ids: [[Int]], counts: [Int], emptyPrompt: EmptyPrompt, afterLayer: (_ done: Int) throws -> Void
    ) throws -> Tensor
}

extension TextEncoderModel {
    /// The rows of texts after the last norm, [B, L, E], without reports of progress.
    public func callAsFunction(_ ids: [[Int]], counts: [Int], emptyPrompt: EmptyPrompt) throws -> Tensor {
        try self(ids, counts: counts, emptyPrompt: emptyPrompt) { _ in }
    }
}

/// The sizes of a text encoder of a known kind.
public enum TextEncoderArchitecture: Sendable, Equatable, Encodable {
    case qwen3(Qwen3Architecture)
    case t5(T5Architecture)

    public func encode(to encoder: any Encoder) throws {
        switch self {
        case .qwen3(let sizes): try sizes.encode(to: encoder)
        case .t5(let sizes): try sizes.encode(to: encoder)
        }
    }

    /// Width E of a token.
    public var width: Int {
        switch self {
        case .qwen3(let sizes): sizes.width
        case .t5(let sizes): sizes.width
        }
    }

    /// Hidden width of the feed-forward layers.
    public var feedForwardWidth: Int {
        switch self {
        case .qwen3(let sizes): sizes.feedForwardWidth
        case .t5(let sizes): sizes.feedForwardWidth
        }
    }

    /// Rows of the table of tokens.
    public var vocabulary: Int {
        switch self {
        case .qwen3(let sizes): sizes.vocabulary
        case .t5(let sizes): sizes.vocabulary
        }
    }

    /// Whether the rows of padding are part of what the encoder gives; otherwise a text has the rows of its tokens.
    public var givesPadding: Bool {
        switch self {
        case .qwen3: true
        case .t5: false
        }
    }

    /// Number of parameters that the encoder uses; or the largest `Int`.
    public var parameterCount: Int {
        switch self {
        case .qwen3(let sizes): sizes.parameterCount
        case .t5(let sizes): sizes.parameterCount
        }
    }

    /// Bytes of all weights but the table of tokens as float32; or the largest `Int`.
    public var widenedBytes: Int {
        switch self {
        case .qwen3(let sizes): sizes.widenedBytes
        case .t5(let sizes): sizes.widenedBytes
        }
    }

    /// Multiply-adds for one text of `length` tokens, or the largest `Int`.
    public func multiplyAdds(length: Int) -> Int {
        switch self {
        case .qwen3(let sizes): sizes.multiplyAdds(length: length)
        case .t5(let sizes): sizes.multiplyAdds(length: length)
        }
    }

    /// Name of a published size, such as "Qwen3-1.7B" or "T5-XXL"; that of the kind for others.
    public var name: String {
        switch self {
        case .qwen3(let sizes): sizes.name
        case .t5(let sizes): sizes.name
        }
    }
}
