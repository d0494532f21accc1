import PixNerdImages
import PixNerdModels
import PixNerdPrecompute
import PixNerdSampling
import PixNerdSupport
import PixNerdTensors
import PixNerdText

/// The source of the rows that a run's captions become: a text encoder that runs during training, or a cache.
struct TextSource {
    /// How a conditioner uses it.
    let use: TextEncoderUse
    /// What checkpoints record.
    let recorded: RecordedTextEncoder
    /// The encoder that runs during training; nil for a cache.
    let encoder: TextEncoderArchitecture?
    /// Encoder, source and captions in words.
    let description: String

    /// Number of captions whose tokens are counted.
    private static let lookedAt = 10_000

    /// Opens the source that a configuration names; nil if the run has no captions.
    ///
    /// - Parameters:
    ///   - heldOut: captions of images besides those of `pictures`, whose loss is measured; nil for none.
    ///   - cleaning: what is done with texts before they are encoded.
    /// - Throws: `PixNerdError` if the encoder or the cache cannot be read or does not fit the run.
    init?(
        _ configuration: Configuration, _ pictures: ImageCollection, heldOut: Captions? = nil,
        cleaning: CaptionCleaning = .none
    ) throws {
        let text = configuration.text
        guard text.isOn, let captions = pictures.captions else { return nil }
        // Read here so that a file that is missing is not noticed after hours.
        let previewed = try configuration.previewTexts() ?? []
        let encoder =
            text.encoder.isEmpty ? nil : try TextEncoder(path: text.encoder, keepsWeights: text.cache.isEmpty)
        let source: any TextEncoding
        if text.cache.isEmpty {
            source = encoder!
            self.encoder = encoder!.architecture
        } else {
            let cache = try Self.cache(text, encoder)
            try Self.check(cache, holds: captions, cleaning)
            if encoder == nil {
                try Self.check(cache, holds: previewed, cleaning)
                if let heldOut { try Self.check(cache, holds: heldOut, cleaning) }
            }
            source = CachedTexts(cache: cache, encoder: encoder)
            self.encoder = nil
        }
        use = TextEncoderUse(source, emptyPrompt: text.emptyPrompt, cleaning: cleaning)
        recorded = RecordedTextEncoder(encoder: source.identity, emptyPrompt: text.emptyPrompt)
        let places = pictures.evenPlaces(Self.lookedAt)
        let cut = places.count { place in
            captions[place].contains { encoder?.cutOff(cleaning($0), length: text.length) != nil }
        }
        description =
            "\(source.identity.text)" + (text.cache.isEmpty ? "" : ", from \(text.cache)")
            + ", \(text.length) tokens, the empty prompt \(text.emptyPrompt.rawValue)"
            + (cut == 0 ? "" : "; longer captions are cut: those of \(cut) of \(places.count) images")
    }

    private static func cache(_ text: Configuration.TextSection, _ encoder: TextEncoder?) throws -> CaptionCache {
        let cache = try CaptionCache(path: text.cache)
        let advice: ErrorText = "regenerate it with pixnerd encode text, or leave text.cache empty"
        for (key, asked, own) in [
            ("text.length", String(text.length), String(cache.length)),
            ("text.empty_prompt", text.emptyPrompt.rawValue, cache.emptyPrompt.rawValue),
        ] where asked != own {
            throw PixNerdError(
                .mismatch, "\(text.cache)", found: "holds captions for \(key) \(own), but \(key) is \(asked)",
                advice: advice)
        }
        if let encoder, !encoder.identity.isSame(as: cache.identity) {
            throw PixNerdError(
                .mismatch, "\(text.cache)",
                found: "holds captions of another encoder, \(cache.identity.text), than text.encoder", advice: advice)
        }
        return cache
    }

    /// Checks that all captions were encoded.
    private static func check(_ cache: CaptionCache, holds captions: Captions, _ cleaning: CaptionCleaning) throws {
        guard let missing = captions.all.first(where: { !cache.holds(cleaning($0)) }) else { return }
        throw PixNerdError(
            .mismatch, "\(cache.path)", found: "holds no caption '\(cleaning(missing).prefix(60))', which the data has",
            advice: "regenerate it with pixnerd encode text" + advice(cleaning))
    }

    /// Checks that the texts of previews were encoded, where no encoder is at hand.
    private static func check(_ cache: CaptionCache, holds previewed: [String], _ cleaning: CaptionCleaning) throws {
        guard let missing = previewed.first(where: { !cache.holds(cleaning($0)) }) else { return }
        throw PixNerdError(
            .mismatch, "\(cache.path)",
            found: "holds no text '\(cleaning(missing).prefix(60))', which sampling.prompts has",
            advice: "encode the prompts too with pixnerd encode text\(advice(cleaning)), or set text.encoder")
    }

    private static func advice(_ cleaning: CaptionCleaning) -> ErrorText {
        cleaning == .none ? "" : " and the cleaning \(cleaning.rawValue), with which the model was trained"
    }
}

extension Configuration {
    /// The texts of previews that a file gives; nil if there are no previews, or no such file.
    ///
    /// - Throws: `PixNerdError` if the file cannot be read, is not UTF-8, or has no text.
    func previewTexts() throws -> [String]? {
        guard training.previewEvery > 0, !sampling.prompts.isEmpty else { return nil }
        return Array(try PromptFile.lines(sampling.prompts).prefix(sampling.classes))
    }
}

/// Captions from a cache; other texts, such as the prompts of previews, from the encoder if there is one.
private struct CachedTexts: TextEncoding {
    let cache: CaptionCache
    let encoder: TextEncoder?

    var identity: TextEncoderIdentity { encoder?.identity ?? cache.identity }

    func cutOff(_ text: String, length: Int) -> String? { encoder?.cutOff(text, length: length) }

    func tokenCount(_ text: String, length: Int) -> Int { encoder?.tokenCount(text, length: length) ?? length }

    func rows(
        of texts: [String], length: Int, emptyPrompt: EmptyPrompt, isCancelled: () -> Bool
    ) throws -> [Tensor] {
        let isKnown = texts.map { encoder == nil || cache.holds($0) }
        func chosen(_ known: Bool) -> [String] { zip(texts, isKnown).filter { $0.1 == known }.map(\.0) }
        var known = try cache.rows(
            of: chosen(true), length: length, emptyPrompt: emptyPrompt, isCancelled: isCancelled)[...]
        var others =
            try encoder?.rows(
                of: chosen(false), length: length, emptyPrompt: emptyPrompt, isCancelled: isCancelled)[...] ?? []
        return isKnown.compactMap { $0 ? known.popFirst() : others.popFirst() }
    }
}
