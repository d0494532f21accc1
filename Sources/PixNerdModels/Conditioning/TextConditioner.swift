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
    /// What the denoiser reads of a text.
    public let reading: TextReading
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
    private let own = OwnRows()

    /// - Parameters:
    ///   - width: Width E of the rows that the denoiser takes.
    ///   - length: Number of rows L that the denoiser takes.
    ///   - reading: What the denoiser reads of a text.
    ///   - use: The encoder and how it is used.
    ///   - origin: The file that errors name.
    /// - Throws: `PixNerdError` if the encoder's rows have another width.
    public init(
        width: Int, length: Int, reading: TextReading = .allRows, _ use: TextEncoderUse, origin: String
    ) throws {
        (self.width, self.length, self.reading, self.origin) = (width, length, reading, origin)
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
            let rows = try encoder.rows(
                of: [cleaning(text)], length: length, emptyPrompt: emptyPrompt, isCancelled: isCancelled)
            found[.text(text)] = rows.first.map { self.rows($0, of: cleaning(text), encoder) }
        }
        return found
    }

    /// What the denoiser reads of an encoder's rows. Where it reads a text's own tokens and there are none, that is its own
    /// rows for no text, or else one of padding.
    private func rows(_ rows: Tensor, of text: String, _ encoder: any TextEncoding) -> TextRows {
        guard reading != .allRows else { return TextRows(rows.padded(to: length)) }
        let count = min(rows.shape[0], encoder.tokenCount(text, length: length))
        guard count > 0 || !reading.hasOwnRows else { return own.rows(like: nil, of: reading, length: length) }
        return TextRows(rows.rows(0..<max(1, count)))
    }

    public func condition(_ prompts: [Prompt], isDropped: (_ position: Int) -> Bool) throws -> any Condition {
        if let label = prompts.first(where: { $0.text == nil }) {
            throw PixNerdError(
                .invalidValue, "\(origin)", found: "is conditioned on text, not on \(name(of: label))")
        }
        let none = Prompt.text(negativePrompt)
        let usesOwn = reading.hasOwnRows && negativePrompt.isEmpty && emptyPrompt != .encoded
        let isDropped = prompts.indices.map(isDropped)
        let needed = usesOwn ? prompts : zip(prompts, isDropped).map { $1 ? none : $0 } + [none]
        let rows = try rows(Set(needed)) { false }
        if let empty = rows[none] {
            // The empty prompt is needed in every step.
            kept.withLock { $0[none] = empty }
        }
        let nothing = prompts.map { prompt in
            usesOwn ? own.rows(like: rows[prompt], of: reading, length: length) : rows[none]
        }
        let texts = zip(zip(prompts, nothing), isDropped).compactMap { $1 ? $0.1 : rows[$0.0] }
        guard texts.count == prompts.count, nothing.allSatisfy({ $0 != nil }) else {
            preconditionFailure("TextConditioner: the encoder gave no rows for one of \(needed)")
        }
        return TextCondition(texts, nothing: nothing.compactMap(\.self))
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
