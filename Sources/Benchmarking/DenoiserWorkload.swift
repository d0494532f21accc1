import Diffusion
import Layers
import Models
import Tensors

extension Workload {
    /// A PixNerd that predicts the velocity of square pictures, or is trained to.
    static func denoiser(
        _ name: String, hiddenSize: Int, heads: Int, blocks: Int, conditioned: Int, patch: Int = 16, field: Int = 64,
        classes: Int = 1000, size: Int, batch: Int
    ) -> Workload {
        // The sizes of the pieces of work are fixed and sound.
        let architecture = try! PixNerdArchitecture(
            hiddenSize: hiddenSize, heads: heads, blocks: blocks, conditionedBlocks: conditioned, patchSize: patch,
            fieldWidth: field, classes: classes)
        return Workload(
            name: name, batch: batch, modes: [.forward, .train],
            products: products(architecture, tokens: batch * (size / patch) * (size / patch)),
            multiplyAdds: { mode in
                // The backward pass takes two products for each of the forward pass.
                batch * (mode == .train ? 3 : 1) * architecture.multiplyAdds(height: size, width: size)
            },
            prepare: { prepare(architecture, size: size, batch: batch, mode: $0) })
    }

    private static func products(
        _ architecture: PixNerdArchitecture, tokens: Int
    ) -> [(rows: Int, columns: Int, inner: Int, count: Int)] {
        let (width, inner) = (architecture.hiddenSize, architecture.feedForwardWidth)
        let generated = 2 * architecture.fieldWidth * architecture.fieldWidth * architecture.fieldRatio
        let (blocks, fields) = (architecture.conditionedBlocks, architecture.blocks - architecture.conditionedBlocks)
        return [
            (tokens, 3 * width, width, blocks), (tokens, width, width, blocks), (tokens, inner, width, 2 * blocks),
            (tokens, width, inner, blocks), (tokens, generated, width, fields),
        ]
    }

    private static func prepare(
        _ architecture: PixNerdArchitecture, size: Int, batch: Int, mode: BenchmarkMode
    ) -> (_ step: Int) throws -> Void {
        let model = PixNerd(architecture, seed: 0)
        let shape = [batch, model.channels, size, size]
        let data = noise(shape, step: -1)
        let labels = (0..<batch).map { $0 * 7 % model.classes }
        func times(_ step: Int) -> [Float] {
            (0..<batch).map { index in
                var stream = RandomStream(seed: 1, purpose: .times, step: step, index: index)
                return TimeSampling.logNormal.draw(&stream)
            }
        }
        guard mode == .train else {
            return { _ = model.velocity(data, times: times($0), labels: labels) }
        }
        var take = FlowMatchingStep(model: model, optimizer: AdamW(model.parameters, settings: AdamW.Settings()))
        take.measuresGradient = false
        return {
            _ = try take([TrainingBatch(data: data, noise: noise(shape, step: $0), times: times($0), labels: labels)])
        }
    }
}

/// Standard normal numbers.
func noise(_ shape: [Int], step: Int) -> Tensor {
    Tensor.normal(shape) { RandomStream(seed: 1, purpose: .noise, step: step, index: $0) }
}
