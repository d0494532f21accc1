import PixNerdSupport
import PixNerdTensors
import PixNerdText

/// A text encoder in a directory as it is downloaded: a Qwen3 or the encoder of a T5, with its tokenizer.
public struct TextEncoder: TextEncoding {
    public let identity: TextEncoderIdentity
    public let tokenizer: Tokenizer
    private let model: any TextEncoderModel

    /// Opens the directory. The weights stay in their files, which are mapped.
    ///
    /// - Parameters:
    ///   - path: A directory with `config.json`, safetensors files and `tokenizer.json` or `spiece.model`; or that of a
    ///     pipeline with `text_encoder` and `tokenizer`, or its `text_encoder`.
    ///   - keepsWeights: Whether the weights of a small encoder stay in memory between calls.
    /// - Throws: `PixNerdError` naming what is missing or does not fit.
    public init(path: String, keepsWeights: Bool = false) throws {
        let directory = try TextEncoderDirectory(path: path)
        tokenizer = try directory.tokenizer()
        model = try directory.load(keepsWeights: keepsWeights)
        identity = TextEncoderIdentity(
            path: path, weights: directory.fingerprint, tokenizer: tokenizer.fingerprint,
            width: directory.architecture.width)
    }

    /// The sizes of the model.
    public var architecture: TextEncoderArchitecture { model.architecture }

    public func cutOff(_ text: String, length: Int) -> String? { tokenizer.row(text, length: length).lost }

    public func tokenCount(_ text: String, length: Int) -> Int { tokenizer.row(text, length: length).count }

    public func rows(
        of texts: [String], length: Int, emptyPrompt: EmptyPrompt, isCancelled: () -> Bool
    ) throws -> [Tensor] {
        guard !texts.isEmpty else { return [] }
        let rows = texts.map { tokenizer.row($0, length: length) }
        let states = try model(rows.map(\.ids), counts: rows.map(\.count), emptyPrompt: emptyPrompt) { _ in
            if isCancelled() { throw CancellationError() }
        }
        return texts.indices.map { place in
            let whole = states.rows(place..<place + 1).reshaped([length, identity.width])
            return architecture.givesPadding ? whole : whole.rows(0..<rows[place].count)
        }
    }
}
