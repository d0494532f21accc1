import PixNerdCheckpoints
import PixNerdSupport
import PixNerdTensors

/// Qwen3, a language model whose hidden rows describe a text (Qwen Team, arXiv 2505.09388), as a text encoder.
///
/// For inference only, without gradients. Weights stay in the mapped file in the type that it stores; a layer's are read
/// when it runs, once for all texts of a call, and converted band by band.
public final class Qwen3: Sendable {
    public let architecture: Qwen3Architecture
    /// Whether the weights stay in memory between calls.
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
    ///   - architecture: The sizes.
    ///   - source: The tensors as transformers names them, with or without `model.`; `lm_head.weight` is not used.
    ///   - keepsWeights: Whether the layers' weights are converted once and kept in memory, for many calls. Ignored if
    ///     they take more than `mostKeptBytes`.
    /// - Throws: `CheckpointMismatch` with all missing, unexpected and misshapen tensors, or `PixNerdError` if a tensor
    ///   cannot be read or no BLAS library can be loaded.
    public init(_ architecture: Qwen3Architecture, source: any StoredTensors, keepsWeights: Bool) throws {
        self.architecture = architecture
        self.source = source
        names = Qwen3Names(in: source)
        try names.check(source, architecture)
        // The model will need matmuls. Without a BLAS library, report that now, as an error.
        try Precision.fp32.check()
        self.keepsWeights = keepsWeights && architecture.widenedBytes <= Self.mostKeptBytes
        let names = names
        keptLayers =
            self.keepsWeights
            ? try (0..<architecture.depth).map {
                try Qwen3Layer($0, of: architecture, names, source, isWidened: true)
            } : []
    }

    /// The rows of texts after the last norm.
    ///
    /// Padding is at the end of a text. Its rows see the text, like further tokens of it, and are computed too.
    ///
    /// - Parameters:
    ///   - ids: B texts of L token ids each.
    ///   - counts: Number of tokens of each text that are no padding, B values in 0 ... L.
    ///   - emptyPrompt: What the rows of a text of 0 tokens see.
    ///   - afterLayer: Called after each layer with the number of finished layers; what it throws ends the work.
    /// - Returns: [B, L, E].
    /// - Throws: `PixNerdError` if an id is not in the table of tokens, numbers do not fit, or the file cannot be read;
    ///   what `afterLayer` throws.
    public func callAsFunction(
        _ ids: [[Int]], counts: [Int], emptyPrompt: EmptyPrompt, afterLayer: (_ done: Int) throws -> Void = { _ in }
    ) throws -> Tensor {
        let length = try check(ids, counts: counts)
        let table = rotaryTable(tokens: length, headWidth: architecture.headWidth, theta: architecture.theta)
        let groups = stride(from: 0, to: ids.count, by: Self.textsAtOnce).map {
            $0..<min(ids.count, $0 + Self.textsAtOnce)
        }
        let texts = groups.map { group in
            Qwen3Layer.Texts(
                counts: Array(counts[group]), table: table, empty: emptyPrompt == .seesNothing ? .none : .all)
        }
        var states = try groups.map { try tokens(Array(ids[$0]), length: length) }
        for number in 0..<architecture.depth {
            let layer =
                try keepsWeights
                ? keptLayers[number] : Qwen3Layer(number, of: architecture, names, source, isWidened: false)
            for (place, texts) in texts.enumerated() { states[place] = layer(states[place], texts) }
            if !keepsWeights { source.releasePages() }
            try afterLayer(number + 1)
        }
        let norm = try source.tensor(names.finalNorm)
        return Tensor.concatenated(
            states.map { rmsNorm($0, weight: norm, epsilon: Float(architecture.epsilon)) })
    }

    /// Checks ids and counts.
    ///
    /// - Returns: the length L of all texts.
    private func check(_ ids: [[Int]], counts: [Int]) throws -> Int {
        let length = ids.first?.count ?? 0
        guard length > 0, ids.allSatisfy({ $0.count == length }), length <= SizeLimits.width else {
            throw PixNerdError(
                .invalidValue, found: "there are \(ids.count) texts of \(Set(ids.map(\.count)).sorted()) tokens",
                expected: "at least one text, and 1 to \(SizeLimits.width) tokens, as many in all texts")
        }
        guard counts.count == ids.count, counts.allSatisfy({ 0...length ~= $0 }) else {
            throw PixNerdError(
                .invalidValue, found: "the numbers of tokens before padding are \(counts)",
                expected: "\(ids.count) numbers from 0 to \(length)")
        }
        if let id = ids.joined().first(where: { !(0..<architecture.vocabulary).contains($0) }) {
            throw PixNerdError(
                .mismatch, "\(source.origin)",
                found: "has rows for \(architecture.vocabulary) tokens, and the text has the token \(id)",
                advice: "use the tokenizer that belongs to the encoder")
        }
        return length
    }

    /// The rows of tokens in the table, [B, L, E], read one by one.
    private func tokens(_ ids: [[Int]], length: Int) throws -> Tensor {
        let table = try source.elements(of: names.tokens)
        let width = architecture.width
        var out = Tensor(uninitialized: [ids.count, length, width])
        out.withUnsafeMutableBuffer { out in
            for (row, id) in ids.joined().enumerated() {
                table.floats(from: id * width, into: .init(rebasing: out[row * width..<(row + 1) * width]))
            }
        }
        return out
    }
}
