import PixNerdDiffusion
import PixNerdModels
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Dropout in the blocks of the middle half of a model.
@Suite struct BlockDropoutTests {
    @Test(arguments: [(3, 0..<0), (4, 1..<3), (6, 1..<3), (12, 3..<9), (22, 5..<15), (26, 6..<18)])
    func itActsInTheMiddleHalf(count: Int, expected: Range<Int>) {
        #expect(BlockDropout.blocks(of: count) == expected)
        let dropout = BlockDropout(rate: 0.1, seed: 1, step: 0, first: 0)
        for block in 0..<count {
            #expect((dropout.masks(block: block, of: count) != nil) == expected.contains(block))
        }
    }

    private static func normal(_ shape: [Int], _ seed: UInt64) -> Tensor {
        Tensor.normal(shape) { RandomStream(seed: seed, purpose: .test, index: $0) }
    }

    /// A small model whose last layer is not zero.
    private func model(isForTexts: Bool, recomputesBlocks: Bool = false) throws -> any Denoiser {
        let model: any Denoiser =
            isForTexts
            ? TextPixNerd(
                try TextPixNerdArchitecture(
                    hiddenSize: 16, heads: 2, encoderBlocks: 4, decoderBlocks: 1, textBlocks: 1, patchSize: 4,
                    fieldWidth: 8, textWidth: 6, textLength: 5), seed: 1, recomputesBlocks: recomputesBlocks)
            : PixNerd(
                try PixNerdArchitecture(
                    hiddenSize: 16, heads: 2, blocks: 5, conditionedBlocks: 4, patchSize: 4, fieldWidth: 8, classes: 3),
                seed: 1, recomputesBlocks: recomputesBlocks)
        for parameter in model.parameters where parameter.name.hasPrefix("final_layer") {
            parameter.value = Self.normal(parameter.value.shape, 2)
        }
        return model
    }

    private let x = BlockDropoutTests.normal([3, 3, 8, 8], 3)
    private let times: [Float] = [0.2, 0.5, 0.9]

    private func condition(isForTexts: Bool) -> any Condition {
        let texts = (0..<3).map { TextRows(Self.normal([5, 6], 4 + UInt64($0))) }
        return isForTexts ? TextCondition(texts, nothing: texts[0]) : ClassCondition([0, 1, 2])
    }

    /// The images of a pass drop the same elements wherever the pass begins.
    @Test(arguments: [false, true])
    func anImageDropsTheSameInAnyPass(isForTexts: Bool) throws {
        let (model, condition) = (try model(isForTexts: isForTexts), condition(isForTexts: isForTexts))
        func velocity(_ range: Range<Int>, seed: UInt64?) -> Tensor {
            let dropout = seed.map { BlockDropout(rate: 0.3, seed: $0, step: 7, first: range.lowerBound) }
            return BlockDropout.$current.withValue(dropout) {
                model.velocity(x.rows(range), times: Array(times[range]), condition: condition.rows(range))
            }
        }
        let together = velocity(0..<3, seed: 5)
        for image in 0..<3 {
            expectClose(velocity(image..<image + 1, seed: 5), together.rows(image..<image + 1))
        }
        #expect(relativeError(velocity(0..<3, seed: 6).values, together.values) > 1e-3)
        #expect(relativeError(velocity(0..<3, seed: nil).values, together.values) > 1e-3)
    }

    /// A block that is computed again in the backward pass drops what it dropped before.
    @Test(arguments: [false, true])
    func recomputedBlocksDropTheSame(isForTexts: Bool) throws {
        let dropout = BlockDropout(rate: 0.3, seed: 5, step: 7, first: 0)
        let gradients = try [false, true].map { recomputesBlocks in
            let model = try model(isForTexts: isForTexts, recomputesBlocks: recomputesBlocks)
            withGradient {
                BlockDropout.$current.withValue(dropout) {
                    model.velocity(x, times: times, condition: condition(isForTexts: isForTexts))
                }
            }
            return try model.parameters.map { try #require($0.gradient).values }
        }
        #expect(gradients[0] == gradients[1])
    }
}
