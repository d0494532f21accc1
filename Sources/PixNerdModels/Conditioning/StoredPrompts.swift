import Foundation
import PixNerdCheckpoints
import PixNerdSupport
import PixNerdTensors

/// Rows of prompts that `PromptFolder` wrote, in the place of the text encoder that made them.
public struct StoredPrompts: TextEncoding {
    private let path: String
    private let record: PromptFolderRecord

    /// Whether a path is a folder of encoded prompts.
    public static func isFolder(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: PromptFolderRecord.path(in: path))
    }

    /// Opens a folder of encoded prompts.
    ///
    /// - Throws: `PixNerdError` if it does not say what made its rows.
    public init(path: String) throws {
        self.path = path
        guard let record = PromptFolderRecord(folder: path) else {
            throw PixNerdError(
                .malformed, "\(PromptFolderRecord.path(in: path))",
                found: "does not say what made the rows of its folder",
                advice: "encode the prompts again, into another folder")
        }
        self.record = record
    }

    public var identity: TextEncoderIdentity { record.encoder }

    /// Nothing: prompts were cut when they were encoded.
    public func cutOff(_ text: String, length: Int) -> String? { nil }

    public func rows(
        of texts: [String], length: Int, emptyPrompt: EmptyPrompt, isCancelled: () -> Bool
    ) throws -> [Tensor] {
        guard length == record.length else {
            throw PixNerdError(
                .mismatch, "\(path)", found: "holds prompts cut or padded to \(record.length) tokens",
                expected: "\(length), as the model reads them", advice: "encode them again with this length")
        }
        return try texts.map(rows)
    }

    /// The rows of a prompt's own tokens, [K, E].
    private func rows(of prompt: String) throws -> Tensor {
        let file = PromptFolderRecord.file(of: prompt, in: path)
        guard FileManager.default.fileExists(atPath: file) else {
            throw PixNerdError(
                .notFound, "\(path)", found: "holds no rows of the prompt '\(prompt)'",
                advice: "add it with pixnerd encode prompts" + (prompt.isEmpty ? ", which also takes an empty one" : "")
            )
        }
        let arrays = try NpzFile(path: file)
        let (rows, mask) = (try arrays.tensor("caption_feature"), try arrays.tensor("attention_mask"))
        guard rows.shape == [1, record.length, record.encoder.width], mask.count == record.length, rows.isFinite else {
            throw PixNerdError(
                .malformed, "\(file):",
                found: "caption_feature has the shape \(rows.shape) and attention_mask \(mask.shape), or rows are not "
                    + "finite",
                expected: "[1, \(record.length), \(record.encoder.width)] and [1, \(record.length)]",
                advice: "encode the prompt again")
        }
        let count = mask.values.prefix { $0 == 1 }.count
        return rows.reshaped([record.length, record.encoder.width]).rows(0..<max(1, count))
    }
}

/// What the rows of all prompts of a folder depend on.
package struct PromptFolderRecord: Codable {
    package let encoder: TextEncoderIdentity
    package let length: Int
    package let emptyPrompt: EmptyPrompt
    package let cleaning: String

    enum CodingKeys: String, CodingKey {
        case encoder, length, cleaning
        case emptyPrompt = "empty_prompt"
    }

    package init(encoder: TextEncoderIdentity, length: Int, emptyPrompt: EmptyPrompt, cleaning: String) {
        (self.encoder, self.length, self.emptyPrompt, self.cleaning) = (encoder, length, emptyPrompt, cleaning)
    }

    /// The record of a folder; nil if it has none or a damaged one.
    package init?(folder: String) {
        let text = (try? String(contentsOfFile: Self.path(in: folder), encoding: .utf8)) ?? ""
        guard let recorded = JSON.value(Self.self, from: text), (1...SizeLimits.textLength).contains(recorded.length),
            (1...SizeLimits.width).contains(recorded.encoder.width)
        else { return nil }
        self = recorded
    }

    package static func path(in folder: String) -> String { "\(folder)/prompts.json" }

    /// The path of a prompt's file, named after the prompt.
    package static func file(of prompt: String, in folder: String) -> String {
        "\(folder)/\(PromptFileName.text(prompt)).npz"
    }

    package func isSame(as other: PromptFolderRecord) -> Bool {
        encoder.isSame(as: other.encoder) && length == other.length && emptyPrompt == other.emptyPrompt
            && cleaning == other.cleaning
    }
}
