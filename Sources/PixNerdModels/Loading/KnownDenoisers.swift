import PixNerdDiffusion
import PixNerdSupport
import PixNerdTensors

/// The kinds of denoisers that checkpoints may hold and that can be trained.
public enum KnownDenoisers {
    /// Every kind; the first that recognizes a checkpoint's tensors reads it.
    static let kinds: [any DenoiserArchitecture.Type] = [
        TextPixNerdArchitecture.self,
        PixNerdArchitecture.self,
        MiniT2IArchitecture.self,
        PixArtArchitecture.self,
        DiTArchitecture.self,
    ]

    /// The architecture of a checkpoint, inferred from its tensors.
    ///
    /// - Parameters:
    ///   - source: Tensors under their published names, without a prefix.
    ///   - metadata: Strings next to the tensors.
    ///   - channels: Channels of the data; nil if unknown.
    /// - Throws: `PixNerdError` naming the tensor that is missing or has an impossible shape, or saying what the tensors
    ///   look like if no kind recognizes them.
    public static func architecture(
        of source: any TensorSource, metadata: [String: String] = [:], channels: Int? = nil
    ) throws -> any DenoiserArchitecture {
        guard let kind = kinds.first(where: { $0.recognizes(source) }) else {
            throw ForeignTensors.refusal(of: source) { inner in kinds.first { $0.recognizes(inner) }?.kind }
        }
        return try kind.init(readFrom: source, metadata: metadata, channels: channels)
    }

    /// A model of captions that begins as a model of classes, for comparisons; nil if the model is none of classes.
    ///
    /// - Throws: `PixNerdError` if the sizes do not fit.
    package static func captionModel(
        beginningAs classes: any Denoiser, _ captions: CaptionSizes
    ) throws -> (any AlignableDenoiser)? {
        try PixNerdArchitecture.captionModel(beginningAs: classes, captions)
    }

    /// Name of the table of classes in models of classes that can be trained.
    package static let classTableName = PixNerd.classTableName

    /// The options of a model of classes with the sizes of an architecture; nil if that is none of a model of classes that
    /// can be trained.
    package static func classModelOptions(_ architecture: any DenoiserArchitecture) -> DenoiserOptions? {
        (architecture as? PixNerdArchitecture).flatMap { $0.captions == nil ? DenoiserOptions($0) : nil }
    }

    /// A MiniT2I with the sizes of the model section of a run's configuration: as many blocks over text and image as that
    /// has blocks, heads that divide the width, and MLPs 8/3 as wide, as in the published ones.
    ///
    /// - Parameter channels: Channels of the data.
    /// - Throws: `PixNerdError` naming the size that is not valid.
    public static func miniT2I(_ options: DenoiserOptions, channels: Int) throws -> any TrainableArchitecture {
        guard options.hiddenSize % options.heads == 0 else {
            throw PixNerdError(
                .invalidValue, "model.hidden_size",
                found: "is \(options.hiddenSize) with model.num_groups \(options.heads)",
                expected: "a multiple of model.num_groups")
        }
        let inner = (8 * options.hiddenSize / 3 + 7) / 8 * 8
        // Without captions, which are asked for later, any width of a text does.
        return try MiniT2IArchitecture(
            hiddenSize: options.hiddenSize, heads: options.heads, headWidth: options.hiddenSize / options.heads,
            doubleBlocks: options.blocks, textBlocks: options.textBlocks, feedForwardWidth: inner,
            patchSize: options.patchSize, channels: channels, bottleneck: min(128, options.hiddenSize),
            textWidth: max(1, options.textWidth), textLength: max(1, options.textLength))
    }

    /// The architecture that the model section of a run's configuration asks for.
    ///
    /// - Parameter channels: Channels of the data.
    /// - Throws: `PixNerdError` naming the size that is not valid.
    public static func architecture(
        _ options: DenoiserOptions, channels: Int
    ) throws -> any TrainableArchitecture {
        options.textWidth > 0 && options.conditioning == .joint
            ? try TextPixNerdArchitecture(options, channels: channels)
            : try PixNerdArchitecture(options, channels: channels)
    }
}
