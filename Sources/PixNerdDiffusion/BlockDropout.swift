import PixNerdTensors

/// Dropout in the transformer blocks of a denoiser, for the images of one pass of training. It acts in the blocks of the
/// middle half, as published for JiT (Li and He, arXiv 2511.13720).
///
/// Which elements are dropped depends on the seed, the step, the place of an image in the whole batch, and the block: so
/// neither on the split of a batch into passes or processes, nor on the recomputation of blocks.
public struct BlockDropout: Sendable {
    private let rate: Float
    private let seed: UInt64
    private let step: Int
    private let first: Int

    /// The dropout of the denoisers that the current task runs; nil for none, as in sampling.
    @TaskLocal public static var current: BlockDropout?

    /// - Parameters:
    ///   - rate: fraction of dropped elements, 0 ..< 1.
    ///   - first: index of the first image of the pass in the whole batch.
    public init(rate: Float, seed: UInt64, step: Int, first: Int) {
        (self.rate, self.seed, self.step, self.first) = (rate, seed, step, first)
    }

    /// The blocks with dropout among `count` blocks, numbered from 0: none if there are fewer than four.
    public static func blocks(of count: Int) -> Range<Int> { count / 4..<count / 4 * 3 }

    /// What a block drops; nil for a block without dropout.
    ///
    /// - Parameter block: number of the block among `count`, from 0.
    public func masks(block: Int, of count: Int) -> BlockMasks? {
        guard Self.blocks(of: count).contains(block) else { return nil }
        func mask(_ place: Int) -> DropoutMask {
            DropoutMask(rate: rate) { [seed, step, first] image in
                RandomStream(
                    seed: seed, purpose: .dropout, step: step, index: ((first + image) * count + block) * 2 + place)
            }
        }
        return BlockMasks(attention: mask(0), feedForward: mask(1))
    }
}

/// What one transformer block drops.
public struct BlockMasks: Sendable {
    /// Dropout of the output of the attention's projection, [B, N, D], before the gate.
    public let attention: DropoutMask
    /// Dropout of the gated product of the MLP, [B, N, inner], before its last matrix.
    public let feedForward: DropoutMask
}
