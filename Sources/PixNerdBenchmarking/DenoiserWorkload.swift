import PixNerdDiffusion
import PixNerdDistributed
import PixNerdLayers
import PixNerdModels
import PixNerdOptimization
import PixNerdTensors

extension Workload {
    /// A PixNerd that predicts the velocity of square images, or trains on it.
    static func denoiser(
        _ name: String, hiddenSize: Int, heads: Int, blocks: Int, conditioned: Int, patch: Int = 16, field: Int = 64,
        classes: Int = 1000, size: Int, batch: Int
    ) -> Workload {
        // The fixed workloads are valid.
        var options = DenoiserOptions()
        (options.hiddenSize, options.heads, options.patchSize) = (hiddenSize, heads, patch)
        (options.blocks, options.conditionedBlocks) = (blocks, conditioned)
        (options.fieldWidth, options.classes) = (field, classes)
        let architecture = try! KnownDenoisers.architecture(options, channels: 3)
        return Workload(
            name: name, batch: batch, modes: [.forward, .train],
            products: products(options, tokens: batch * (size / patch) * (size / patch)),
            multiplyAdds: { mode in
                // The backward pass takes two matmuls for each one of the forward pass.
                batch * (mode == .train ? 3 : 1) * architecture.multiplyAdds(height: size, width: size)
            },
            prepare: { mode in
                guard mode == .train else { return prepareForward(architecture, size: size, batch: batch) }
                let alone = BenchmarkRanks(communicator: .alone, sharesOptimizer: false)
                return prepareTraining(architecture, size: size, batch: batch, alone).step
            }, prepareShared: { prepareTraining(architecture, size: size, batch: batch, $0) })
    }

    private static func products(
        _ options: DenoiserOptions, tokens: Int
    ) -> [(rows: Int, columns: Int, inner: Int, count: Int)] {
        let (width, inner) = (options.hiddenSize, 2 * (options.hiddenSize * 4) / 3)
        let generated = 2 * options.fieldWidth * options.fieldWidth * options.fieldRatio
        let (blocks, fields) = (options.conditionedBlocks, options.blocks - options.conditionedBlocks)
        return [
            (tokens, 3 * width, width, blocks), (tokens, width, width, blocks), (tokens, inner, width, 2 * blocks),
            (tokens, width, inner, blocks), (tokens, generated, width, fields),
        ]
    }

    private static func prepareForward(
        _ architecture: any TrainableArchitecture, size: Int, batch: Int
    ) -> (_ step: Int) throws -> Void {
        let model = architecture.makeModel(seed: 0, recomputesBlocks: false)
        let data = noise([batch, model.channels, size, size], step: -1)
        let condition = condition(0..<batch)
        return { _ = model.velocity(data, times: times(0..<batch, step: $0), condition: condition) }
    }

    private static func prepareTraining(
        _ architecture: any TrainableArchitecture, size: Int, batch: Int, _ ranks: BenchmarkRanks
    ) -> SharedWork {
        let model = architecture.makeModel(seed: 0, recomputesBlocks: false)
        let communicator = ranks.communicator
        let share = batch * communicator.rank / communicator.size..<batch * (communicator.rank + 1) / communicator.size
        let shape = [share.count, model.channels, size, size]
        let data = noise(shape, step: -1)
        let condition = condition(share)
        let exchange =
            communicator.size > 1
            ? GradientExchange(model.parameters, over: communicator, sharesUpdate: ranks.sharesOptimizer) : nil
        MemoryPool.shared.releaseKept()
        let optimizer = AdamW(model.parameters, settings: AdamW.Settings(), pieces: exchange?.pieces)
        var take = FlowMatchingStep(model: model, optimizer: optimizer, exchange: exchange)
        take.measuresGradient = false
        return SharedWork(
            step: { step in
                let noise = noise(shape, step: step)
                let pass = TrainingBatch(
                    data: data, noise: noise, times: times(share, step: step), condition: condition)
                _ = try take([pass], of: batch)
            }, exchangeTimes: { exchange?.takeTimes() })
    }

    private static func condition(_ places: Range<Int>) -> any Condition { ClassCondition(places.map { $0 * 7 % 10 }) }

    private static func times(_ places: Range<Int>, step: Int) -> [Float] {
        places.map { index in
            var stream = RandomStream(seed: 1, purpose: .times, step: step, index: index)
            return TimeSampling.logNormal.draw(&stream)
        }
    }
}

/// Standard normal numbers.
func noise(_ shape: [Int], step: Int) -> Tensor {
    Tensor.normal(shape) { RandomStream(seed: 1, purpose: .noise, step: step, index: $0) }
}
