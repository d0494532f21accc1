// A layer of one's own: a bottleneck with a skip connection, trained for some steps and saved.

import PixNerdKit

// snippet.layer
/// x + W2 gelu(W1 x + b1) + b2, which begins as the identity (Houlsby et al., arXiv 1902.00751).
struct Bottleneck: Sendable {
    /// [inner, width]
    let down: Linear
    /// [width, inner]
    let up: Linear

    init(_ scope: ParameterScope, width: Int, inner: Int) {
        down = Linear(scope / "down", inputs: width, outputs: inner)
        up = Linear(scope / "up", inputs: inner, outputs: width, weightInitializer: .zeros, biasInitializer: .zeros)
    }

    /// x [..., width] to [..., width].
    func callAsFunction(_ x: Tensor) -> Tensor {
        sum(x, up(gelu(down(x))))
    }
}
// snippet.end

// snippet.train
let (layer, parameters) = try ParameterStore.build(.initialize(seed: 1)) { root in
    (Bottleneck(root / "adapter", width: 64, inner: 16), root.parameters)
}
var random = TorchRandom(seed: 1)
let x = Tensor(random.normal(count: 8 * 64), shape: [8, 64])
let target = Tensor(random.normal(count: 8 * 64), shape: [8, 64])

let optimizer = AdamW(parameters, settings: AdamW.Settings(learningRate: 1e-2))
for step in 1...20 {
    for parameter in parameters { parameter.clearGradient() }
    let loss = withGradient { meanSquaredError(layer(x), target: target).mean }
    optimizer.update()
    print("step \(step): loss \(loss.scalar)")
}
// snippet.end

// snippet.save
// The names are those of PyTorch's modules: adapter.down.weight and so on.
try SafetensorsWriter.write(parameters.map { ($0.name, $0.value) }, to: "adapter.safetensors")
let loaded = try ParameterStore.build(.load(TensorFile.open(path: "adapter.safetensors"))) { root in
    Bottleneck(root / "adapter", width: 64, inner: 16)
}
print("the loaded layer is the same:", loaded(x).values == layer(x).values)
// snippet.end
