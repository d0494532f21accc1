import PixNerdDiffusion
import PixNerdModels
import PixNerdTensors
import Testing

/// A small model of three classes whose last layer is drawn, so that its output is not zero.
func modelWithDrawnHead(
    _ head: DenoiserOptions.Head, numbers: [ModelNumber] = [], values: Int = 0
) throws -> PixNerd {
    let model = PixNerd(
        try PixNerdArchitecture(
            hiddenSize: 16, heads: 2, blocks: 3, conditionedBlocks: 2, patchSize: 4, head: head, fieldWidth: 8,
            classes: 3, numbers: numbers, values: values), seed: 3)
    let last = try #require(model.parameters.first { $0.name == "final_layer.linear.weight" })
    last.value = Tensor.normal(last.value.shape) { RandomStream(seed: 1, purpose: .test, index: $0) }
    return model
}
