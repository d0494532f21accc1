import PixNerdModels
import PixNerdSupport

extension TextEncoderUse {
    /// The text encoder that the options name, or else the one that the checkpoint recorded.
    ///
    /// - Throws: `PixNerdError` if it cannot be read, or is not the one of training and no other is allowed.
    init(
        of checkpoint: DenoiserCheckpoint, _ architecture: any DenoiserArchitecture, _ options: SamplingOptions
    ) throws {
        let recorded = checkpoint.textEncoder
        self.init(
            emptyPrompt: options.emptyPrompt ?? recorded?.emptyPrompt ?? .seesNothing,
            negativePrompt: options.negativePrompt ?? "",
            cleaning: options.captionCleaning ?? architecture.publishedCleaning)
        guard architecture.takesText,
            let path = options.textEncoder ?? recorded?.encoder.path ?? checkpoint.pipelineTextEncoder
        else { return }
        let isStored = StoredPrompts.isFolder(path)
        // Stored prompts were cleaned before they were encoded.
        if isStored { cleaning = .none }
        let encoder: any TextEncoding = try isStored ? StoredPrompts(path: path) : TextEncoder(path: path)
        if let own = recorded?.encoder, !options.allowsOtherTextEncoder, !own.isSame(as: encoder.identity) {
            throw PixNerdError(
                .mismatch, "\(path)",
                found: "is not the text encoder that \(checkpoint.path) was trained with, \(own.text)",
                advice: "give that one with \(Setting.textEncoder), or allow another with \(Setting.otherTextEncoder)")
        }
        self.encoder = encoder
    }
}
