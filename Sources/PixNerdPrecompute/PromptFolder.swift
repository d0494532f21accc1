import Foundation
import PixNerdCheckpoints
import PixNerdModels
import PixNerdSupport
import PixNerdTensors

/// A folder with the rows of prompts in files of their own, in the form in which programs for PixArt keep those of
/// captions.
///
/// An `.npz` holds `caption_feature` [1, L, E] as float32, with zeros where a prompt has no rows, and `attention_mask`
/// [1, L] as int64, which is 1 for the prompt's own tokens. `prompts.json` says what made them.
public struct PromptFolder {
    public let path: String
    private let encoder: TextEncoder
    private let settings: PromptFolderRecord

    /// Makes the folder, or takes up one that was made with the same settings.
    ///
    /// - Parameters:
    ///   - length: Number of tokens L that prompts are cut or padded to.
    ///   - emptyPrompt: What the rows of an empty prompt attend to that is padding alone.
    ///   - cleaning: A name of what is done with prompts before they are encoded.
    /// - Throws: `PixNerdError` if the folder was made with other settings, or cannot be written.
    public init(
        _ encoder: TextEncoder, length: Int, emptyPrompt: EmptyPrompt, cleaning: String, to path: String
    ) throws {
        try require("The number of tokens", length, in: 1...SizeLimits.textLength)
        self.path = path
        self.encoder = encoder
        settings = PromptFolderRecord(
            encoder: encoder.identity, length: length, emptyPrompt: emptyPrompt, cleaning: cleaning)
        guard StoredPrompts.isFolder(path) else {
            try makeFolder(path)
            try JSON.write(settings, to: PromptFolderRecord.path(in: path))
            return
        }
        guard let recorded = PromptFolderRecord(folder: path), recorded.isSame(as: settings) else {
            throw PixNerdError(
                .mismatch, "\(path)", found: "holds prompts of another encoder, length or cleaning",
                advice: "choose another folder")
        }
    }

    /// The path of a prompt's file, named after the prompt.
    public func file(of prompt: String) -> String { PromptFolderRecord.file(of: prompt, in: path) }

    /// Whether a prompt was encoded.
    public func holds(_ prompt: String) -> Bool { isFolder(file(of: prompt)) == false }

    /// Encodes a prompt and writes its file.
    ///
    /// - Parameters:
    ///   - prompt: The prompt, after which the file is named.
    ///   - text: The prompt after cleaning.
    ///   - isCancelled: Called now and then; returns whether to end with `CancellationError`.
    /// - Throws: `PixNerdError` if the encoder's files cannot be read, it gives numbers that are not finite, or the file
    ///   cannot be written; `CancellationError`.
    public func write(_ prompt: String, as text: String, isCancelled: () -> Bool = { false }) throws {
        let length = settings.length
        let rows = try encoder.paddedRows(
            of: [text], length: length, emptyPrompt: settings.emptyPrompt, isCancelled: isCancelled)[0]
        guard rows.isFinite else {
            throw PixNerdError(
                .notFinite, "\(encoder.identity.path)",
                found: "gives rows that are not finite numbers for the prompt '\(text.prefix(40))'",
                advice: "check its weights")
        }
        let count = encoder.tokenizer.row(text, length: length).count
        let writer = try NpzWriter(
            path: file(of: prompt),
            arrays: [
                .init("caption_feature", .float32, [1, length, encoder.identity.width]),
                .init("attention_mask", .int64, [1, length]),
            ])
        try writer.append(rows.values)
        try writer.append((0..<length).map { Int64($0 < count ? 1 : 0) })
        try writer.finish()
    }
}
