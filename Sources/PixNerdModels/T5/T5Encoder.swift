import PixNerdCheckpoints
import PixNerdSupport
import PixNerdTensors

/// The encoder of a T5 v1.1 or a flan-T5 (Raffel et al., arXiv 1910.10683), whose rows describe a text.
///
/// For inference only, without gradients. Weights stay in the mapped file in the type that it stores; a block's are read
/// when it runs, once for all texts of a call, and converted band by band. Each text is encoded at its own length, as
/// tokens never see padding.
public final class T5Encoder: TextEncoderModel {
    public let sizes: T5Architecture
    public let keepsWeights: Bool
    private let source: any StoredTensors
    private let names: T5Names
    /// All blocks; empty if they are read in each call.
    private let keptBlocks: [T5Block]

    /// The most bytes of float32 weights that are kept in memory.
    public static let mostKeptBytes = Qwen3.mostKeptBytes
    /// Tokens that pass through a block together: enough for efficient matmuls, few enough to bound memory.
    private static let tokensAtOnce = 1024

    /// Opens a model.
    ///
    /// - Parameters:
    ///   - sizes: The sizes.
    ///   - source: The tensors as transformers names them; `decoder.*` and `lm_head.weight` are not used.
    ///   - keepsWeights: Whether the blocks' weights are converted once and kept in memory, for many calls. Ignored if
    ///     they take more than `mostKeptBytes`.
    /// - Throws: `CheckpointMismatch` with all missing, unexpected and misshapen tensors, or `PixNerdError` if a tensor
    ///   cannot be read or no BLAS library can be loaded.
    public init(_ sizes: T5Architecture, source: any StoredTensors, keepsWeights: Bool) throws {
        self.sizes = sizes
        self.source = source
        names = T5Names(in: source)
        try names.check(source, sizes)
        // The model will need matmuls. Without a BLAS library, report that now, as an error.
        try Precision.fp32.check()
        self.keepsWeights = keepsWeights && sizes.widenedBytes <= Self.mostKeptBytes
        keptBlocks =
            self.keepsWeights ? try (0..<sizes.depth).map { try T5Block($0, of: sizes, source, isWidened: true) } : []
    }

    public var architecture: TextEncoderArchitecture { .t5(sizes) }

    public func callAsFunction(
        _ ids: [[Int]], counts: [Int], emptyPrompt: EmptyPrompt, afterLayer: (_ done: Int) throws -> Void
    ) throws -> Tensor {
        let length = try checkedLength(ids, counts: counts, vocabulary: sizes.vocabulary, origin: source.origin)
        let texts = zip(ids, counts).map { Array($0.prefix($1)) }
        let rows = try states(texts.filter { !$0.isEmpty }, afterLayer)
        var out = Tensor(zeros: [ids.count, length, sizes.width])
        out.withUnsafeMutableBuffer { out in
            var next = rows.makeIterator()
            for (place, text) in texts.enumerated() where !text.isEmpty {
                guard let values = next.next()?.values else { return }
                let start = place * length * sizes.width
                _ = UnsafeMutableBufferPointer(rebasing: out[start..<start + values.count])
                    .update(fromContentsOf: values)
            }
        }
        return out
    }

    /// The rows of texts after the last norm, [K, E] for a text of K tokens.
    ///
    /// - Parameter texts: Ids below `vocabulary`, at least one in each text.
    private func states(_ texts: [[Int]], _ afterLayer: (_ done: Int) throws -> Void) throws -> [Tensor] {
        let groups = grouped(texts)
        let table = try source.elements(of: names.tokens)
        let bias = try bias(reach: texts.map(\.count).max() ?? 1)
        var states = groups.map { encoderRows(of: Array(texts[$0].joined()), in: table, width: sizes.width) }
        for number in 0..<sizes.depth {
            let block =
                try keepsWeights ? keptBlocks[number] : T5Block(number, of: sizes, source, isWidened: false)
            for (place, group) in groups.enumerated() {
                states[place] = block(states[place], bias: bias, counts: texts[group].map(\.count))
            }
            if !keepsWeights { source.releasePages() }
            try afterLayer(number + 1)
        }
        let norm = try source.tensor(T5Names.finalNorm)
        return zip(groups, states).flatMap { group, rows in
            let rows = rmsNorm(rows, weight: norm, epsilon: Float(sizes.epsilon))
            var start = 0
            return texts[group].map { text in
                defer { start += text.count }
                return rows.rows(start..<start + text.count)
            }
        }
    }

    /// Texts that run together.
    private func grouped(_ texts: [[Int]]) -> [Range<Int>] {
        var (groups, start, tokens): ([Range<Int>], Int, Int) = ([], 0, 0)
        for (place, text) in texts.enumerated() {
            if place > start, tokens + text.count > Self.tokensAtOnce {
                groups.append(start..<place)
                (start, tokens) = (place, 0)
            }
            tokens += text.count
        }
        return start < texts.count ? groups + [start..<texts.count] : groups
    }

    /// The bias of each distance up to `reach` tokens, [H, 2 reach - 1].
    private func bias(reach: Int) throws -> Tensor {
        let stored = try source.tensor(T5Names.bias).values
        let buckets = (1 - reach..<reach).map { sizes.bucket(of: $0) }
        let values = (0..<sizes.heads).flatMap { head in buckets.map { stored[$0 * sizes.heads + head] } }
        return Tensor(values, shape: [sizes.heads, buckets.count])
    }
}
