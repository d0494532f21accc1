import PixNerdDiffusion
import PixNerdSupport
import PixNerdTensors

extension PixArtArchitecture: TrainableArchitecture {
    public var learnsNoise: Bool { true }
    public var textTokens: Int? { textLength }
    /// None: setting them changes nothing.
    public var numbers: [ModelNumber] {
        get { [] }
        set { _ = newValue }
    }

    public var blockMatrixSizes: [(rows: Int, columns: Int)] {
        let (width, inner) = (hiddenSize, feedForwardWidth)
        let ofBlock: [(rows: Int, columns: Int)] = [
            (3 * width, width), (width, width), (width, width), (2 * width, width), (width, width), (inner, width),
            (width, inner), (6, width),
        ]
        return (0..<depth).flatMap { _ in ofBlock }
    }

    public func makeModel(seed: UInt64, recomputesBlocks: Bool) -> any AlignableDenoiser {
        PixArt(self, seed: seed, recomputesBlocks: recomputesBlocks)
    }

    public func activationBytes(
        batch: Int, height: Int, width: Int, recompute: Bool, precision: Precision
    ) -> Int {
        func count(_ value: Int) -> CheckedInt { CheckedInt(value) }
        let hidden = count(hiddenSize)
        let tokens = count(batch) * count(height / patchSize) * count(width / patchSize)
        let rows = count(batch) * count(textLength)
        // Kept for the gradients of a block: its input, two norms, both sums, queries, keys and values, both answers with
        // the queries of the second, and the MLP before and behind its activation; keys and values of the text.
        let block = tokens * (11 * hidden + 2 * count(feedForwardWidth)) + rows * 2 * hidden
        let values = count(outputChannels) * count(patchSize) * count(patchSize)
        let ends = tokens * (6 * values + 3 * hidden) + rows * (count(textWidth) + 3 * hidden)
        let bytes = count(precision == .bf16 ? 2 : 4)
        // The inputs of recomputed blocks stay float32.
        let (inputs, kept) = recompute ? (count(depth) * tokens * hidden, block) : (count(0), count(depth) * block)
        return (4 * (inputs + block + ends) + bytes * kept).clamped
    }
}
