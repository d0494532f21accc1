import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdSupport
import PixNerdTensors
import PixNerdText
import Synchronization

/// Conditions a denoiser on texts by a text encoder.
public final class TextConditioner: Conditioner {
    /// Width E of the rows that the denoiser takes.
    public let width: Int
    /// Number of rows L that the denoiser takes: tokens of a text, cut or padded.
    public let length: Int
    /// What the rows of an empty text attend to.
    public let emptyPrompt: EmptyPrompt
    /// The text whose rows stand for "no condition"; empty, or a negative prompt.
    public let negativePrompt: String
    /// What is done with a text before it is encoded.
    public let cleaning: CaptionCleaning
    /// The encoder; nil if none is known, and then no prompt is valid.
    public let encoder: (any TextEncoding)?
    /// The file that errors name.
    private let origin: String
    private let kept = Mutex<[Prompt: TextRows]>([:])

    /// - Parameters:
    ///   - width: Width E of the rows that the denoiser takes.
    ///   - length: Number of rows L that the denoiser takes.
    ///   - use: The encoder and how it is used.
    ///   - origin: The file that errors name.
    /// - Throws: `PixNerdError` if the encoder's rows have another width.
    public init(width: Int, length: Int, _ use: TextEncoderUse, origin: String) throws {
        (self.width, self.length, self.origin) = (width, length, origin)
        (emptyPrompt, negativePrompt, encoder) = (use.emptyPrompt, use.negativePrompt, use.encoder)
        cleaning = use.cleaning
        if let identity = encoder?.identity, identity.width != width {
            throw PixNerdError(
                .mismatch, "\(identity.path)",
                found: "gives rows of width \(identity.width), and \(origin) takes rows of width \(width)",
                advice: "give the text encoder that the model was trained with")
        }
    }

    public var promptKind: PromptKind { .text }
    public var allPrompts: [Prompt] { [] }

    public func prompt(from text: String) throws -> Prompt {
        _ = try expectEncoder()
        return .text(text)
    }

    public func name(of prompt: Prompt) -> String { prompt.text ?? "class \(prompt.label ?? 0)" }

    public func fileName(of prompt: Prompt) -> String { PromptFileName.text(prompt.text ?? "") }

    public func remarks(_ prompts: [Prompt]) -> [String] {
        guard let encoder else { return [] }
        let texts = prompts.compactMap(\.text) + [negativePrompt]
        return Set(texts).sorted().compactMap { text in
            encoder.cutOff(cleaning(text), length: length).map {
                "the prompt '\(shortened(text))' has more than \(length) tokens; this end of it is not used: '\($0)'"
            }
        }
    }

    private func shortened(_ text: String) -> String { text.count > 40 ? text.prefix(37) + "..." : text }

    private func expectEncoder() throws -> any TextEncoding {
        guard let encoder else {
            throw PixNerdError(
                .notFound, "\(origin)",
                found: "is conditioned on text, and the encoder of its texts is not known",
                advice: "give its directory with \(Setting.textEncoder)")
        }
        return encoder
    }

    public func prepare(_ prompts: [Prompt], isCancelled: () -> Bool) throws {
        let wanted = Set(prompts + [.text(negativePrompt)])
        // What is not needed any more is given back before more is made.
        kept.withLock { kept in kept = kept.filter { wanted.contains($0.key) } }
        let made = try rows(wanted, isCancelled: isCancelled)
        kept.withLock { $0.merge(made) { own, _ in own } }
    }

    /// The rows of prompts, of which those that are not kept are encoded one by one: with some matmul kernels the last bits
    /// of a text's rows depend on what is encoded beside it, and a run must resume with the same bits.
    private func rows(_ prompts: Set<Prompt>, isCancelled: () -> Bool) throws -> [Prompt: TextRows] {
        var found = kept.withLock { kept in kept.filter { prompts.contains($0.key) } }
        let missing = prompts.subtracting(found.keys).compactMap(\.text).sorted {
            $0.utf8.lexicographicallyPrecedes($1.utf8)
        }
        guard !missing.isEmpty else { return found }
        let encoder = try expectEncoder()
        for text in missing {
            let rows = try encoder.paddedRows(
                of: [cleaning(text)], length: length, emptyPrompt: emptyPrompt, isCancelled: isCancelled)
            found[.text(text)] = rows.first.map(TextRows.init)
        }
        return found
    }

    public func condition(_ prompts: [Prompt], isDropped: (_ position: Int) -> Bool) throws -> any Condition {
        if let label = prompts.first(where: { $0.text == nil }) {
            throw PixNerdError(
                .invalidValue, "\(origin)", found: "is conditioned on text, not on \(name(of: label))")
        }
        let none = Prompt.text(negativePrompt)
        let used = prompts.enumerated().map { isDropped($0) ? none : $1 }
        let rows = try rows(Set(used + [none])) { false }
        guard let nothing = rows[none] else {
            preconditionFailure("TextConditioner: the encoder gave no rows for '\(negativePrompt)'")
        }
        // The empty prompt is needed in every step.
        kept.withLock { $0[none] = nothing }
        return TextCondition(used.compactMap { rows[$0] }, nothing: nothing)
    }

    public func condition(
        readFrom reference: SafetensorsFile, prefix: String, count: Int
    ) throws -> any Condition {
        let name = "\(prefix)y"
        let stored = try reference.tensor(name)
        // One axis of images; for a run of training those of steps and of images in a step.
        guard stored.shape.count >= 3, stored.shape.suffix(2) == [length, width],
            stored.shape.dropLast(2).reduce(1, *) == count
        else {
            throw PixNerdError(
                .mismatch, "\(reference.path):", found: "\(name) has shape \(stored.shape)",
                expected: "[\(count), \(length), \(width)], the rows of a text for each image")
        }
        let rows = stored.reshaped([count, length, width])
        let texts = (0..<count).map { TextRows(rows.rows($0..<$0 + 1).reshaped([length, width])) }
        return TextCondition(texts, nothing: texts[0])
    }
}

/// A text encoder and how a conditioner uses it.
public struct TextEncoderUse: Sendable {
    /// The encoder; nil if none is known.
    public var encoder: (any TextEncoding)?
    /// What the rows of an empty text attend to.
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
