import PixNerdCheckpoints
import PixNerdSupport
import PixNerdTensors

/// Qwen3, a language model whose hidden rows describe a text (Qwen Team, arXiv 2505.09388), as a text encoder.
///
/// For inference only, without gradients. Weights stay in the mapped file in the type that it stores; a layer's are read
/// when it runs, once for all texts of a call, and converted band by band.
public final class Qwen3: TextEncoderModel {
    public let sizes: Qwen3Architecture
    public let keepsWeights: Bool
    private let source: any StoredTensors
    private let names: Qwen3Names
    /// All layers; empty if they are read in each call.
    private let keptLayers: [Qwen3Layer]

    /// The most bytes of float32 weights that are kept in memory.
    public static let mostKeptBytes = 1 << 30
    /// Texts that pass through a layer together: enough for efficient matmuls, few enough to bound memory.
    private static let textsAtOnce = 8

    /// Opens a model.
    ///
    /// - Parameters:
    ///   - sizes: The sizes.
    ///   - source: The tensors as transformers names them, with or without `model.`; `lm_head.weight` is not used.
    ///   - keepsWeights: Whether the layers' weights are converted once and kept in memory, for many calls. Ignored if
    ///     they take more than `mostKeptBytes`.
    /// - Throws: `CheckpointMismatch` with all missing, unexpected and misshapen tensors, or `PixNerdError` if a tensor
    ///   cannot be read or no BLAS library can be loaded.
    public init(_ sizes: Qwen3Architecture, source: any StoredTensors, keepsWeights: Bool) throws {
        self.sizes = sizes
        self.source = source
        names = Qwen3Names(in: source)
        try names.check(source, sizes)
        // The model will need matmuls. Without a BLAS library, report that now, as an error.
        try Precision.fp32.check()
        self.keepsWeights = keepsWeights && sizes.widenedBytes <= Self.mostKeptBytes
        let names = names
        keptLayers =
            self.keepsWeights
            ? try (0..<sizes.depth).map {
                try Qwen3Layer($0, of: sizes, names, source, isWidened: true)
            } : []
    }

    public var architecture: TextEncoderArchitecture { .qwen3(sizes) }

    /// The rows of texts after the last norm, [B, L, E].
    ///
    /// Padding is at the end of a text. Its rows see the text, like further tokens of it, and are computed too.
    public func callAsFunction(
        _ ids: [[Int]], counts: [Int], emptyPrompt: EmptyPrompt, afterLayer: (_ done: Int) throws -> Void
    ) throws -> Tensor {
        let length = try checkedLength(ids, counts: counts, vocabulary: sizes.vocabulary, origin: source.origin)
        let table = rotaryTable(tokens: length, headWidth: sizes.headWidth, theta: sizes.theta)
        let groups = stride(from: 0, to: ids.count, by: Self.textsAtOnce).map {
            $0..<min(ids.count, $0 + Self.textsAtOnce)
        }
        let texts = groups.map { group in
            Qwen3Layer.Texts(
                counts: Array(counts[group]), table: table, empty: emptyPrompt == .seesNothing ? .none : .all)
        }
        var states = try groups.map { try tokens(Array(ids[$0]), length: length) }
        for number in 0..<sizes.depth {
            let layer =
                try keepsWeights
                ? keptLayers[number] : Qwen3Layer(number, of: sizes, names, source, isWidened: false)
            for (place, texts) in texts.enumerated() { states[place] = layer(states[place], texts) }
            if !keepsWeights { source.releasePages() }
            try afterLayer(number + 1)
        }
        let norm = try source.tensor(names.finalNorm)
        return Tensor.concatenated(
            states.map { rmsNorm($0, weight: norm, epsilon: Float(sizes.epsilon)) })
    }

    /// The rows of tokens in the table, [B, L, E].
    private func tokens(_ ids: [[Int]], length: Int) throws -> Tensor {
        encoderRows(of: Array(ids.joined()), in: try source.elements(of: names.tokens), width: sizes.width)
            .reshaped([ids.count, length, sizes.width])
    }
}
