import PixNerdDiffusion
import PixNerdLayers
import PixNerdModels
import PixNerdTensors
import Testing

/// The exchange of gradients among processes is told that a gradient is complete exactly when nothing more is added.
@Suite struct CompleteGradientTests {
    private func batch(_ model: PixNerd, first: Int) -> TrainingBatch {
        let shape = [2, 3, 16, 16]
        func numbers(_ purpose: RandomPurpose) -> Tensor {
            Tensor.normal(shape) { RandomStream(seed: 1, purpose: purpose, index: first + $0) }
        }
        return TrainingBatch(
            data: numbers(.test), noise: numbers(.noise), times: [0.3, 0.6], condition: ClassCondition([0, 2]))
    }

    @Test(arguments: [false, true])
    func eachGradientIsCompleteOnceItIsTold(recomputes: Bool) throws {
        let architecture = try PixNerdArchitecture(
            hiddenSize: 16, heads: 2, blocks: 4, conditionedBlocks: 2, patchSize: 8, fieldWidth: 8, classes: 3)
        let model = PixNerd(architecture, seed: 4, recomputesBlocks: recomputes)
        var told: [String: [Float]] = [:]
        var order: [String] = []
        let observer = GradientObserver { parameter in
            // Blocks that are computed again have inputs that look like parameters.
            guard model.parameters.contains(where: { $0 === parameter }) else { return }
            #expect(told[parameter.name] == nil, "\(parameter.name) was told of twice")
            told[parameter.name] = parameter.gradient?.values
            order.append(parameter.name)
        }
        for (place, observer) in [nil, observer].enumerated() {
            withGradient(upstream: nil, observer: observer) {
                flowMatchingLoss(model, batch(model, first: 2 * place)).mean
            }
        }
        for parameter in model.parameters {
            #expect(told[parameter.name] == parameter.gradient?.values, "\(parameter.name)")
        }
        // Before the backward pass is over: what lies behind is told of long before what lies in front.
        let places = ["blocks.0.attn.qkv.weight", "blocks.1.attn.qkv.weight", "s_embedder.proj.weight"].map {
            order.firstIndex(of: $0) ?? -1
        }
        #expect(places[1] >= 0 && places[1] < places[0] && places[0] < places[2])
    }
}
