import PixNerdSupport
import PixNerdTensors
import PixNerdText

/// A text encoder in a directory as it is downloaded: Qwen3 with its tokenizer.
public struct TextEncoder: TextEncoding {
    public let identity: TextEncoderIdentity
    public let tokenizer: Tokenizer
    private let model: Qwen3

    /// Opens the directory. The weights stay in their files, which are mapped.
    ///
    /// - Parameters:
    ///   - path: A directory with `config.json`, `tokenizer.json` and safetensors files.
    ///   - keepsWeights: Whether the weights of a small encoder stay in memory between calls; see `Qwen3`.
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
    public var architecture: Qwen3Architecture { model.architecture }

    public func cutOff(_ text: String, length: Int) -> String? { tokenizer.row(text, length: length).lost }

    public func rows(
        of texts: [String], length: Int, emptyPrompt: EmptyPrompt, isCancelled: () -> Bool
    ) throws -> [Tensor] {
        guard !texts.isEmpty else { return [] }
        let rows = texts.map { tokenizer.row($0, length: length) }
        let states = try model(rows.map(\.ids), counts: rows.map(\.count), emptyPrompt: emptyPrompt) { _ in
            if isCancelled() { throw CancellationError() }
        }
        return texts.indices.map { states.rows($0..<$0 + 1).reshaped([length, identity.width]) }
    }
}
