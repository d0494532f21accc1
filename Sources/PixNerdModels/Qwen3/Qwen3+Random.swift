import PixNerdCheckpoints
import PixNerdLayers
import PixNerdSupport
import PixNerdTensors

extension Qwen3Architecture {
    /// Writes weights drawn at random, under which hidden rows differ from token to token and from text to text.
    ///
    /// Each weight of a matmul is normal with variance 1 / in, tokens are standard normal, and norms are 1. Layers that
    /// write to the residual stream are scaled by 1 / sqrt(2 depth) (Radford et al., GPT-2, section 2.3), so that a row is
    /// mostly its own token, and less the tokens before it.
    ///
    /// - Parameters:
    ///   - path: The `.safetensors` file to write, with the names of transformers.
    ///   - type: The type of the numbers: float32, float16 or bfloat16.
    ///   - seed: Each seed gives other weights.
    /// - Throws: `PixNerdError` if the file cannot be written.
    public func writeRandomWeights(to path: String, as type: ElementType = .bfloat16, seed: UInt64) throws {
        let names = Qwen3Names(prefix: "model.")
        let items = names.shapes(self).enumerated().map { index, tensor in
            SafetensorsWriter.Item(name: tensor.name, shape: tensor.shape, as: type) {
                let isResidual = tensor.name.hasSuffix("o_proj.weight") || tensor.name.hasSuffix("down_proj.weight")
                return Self.randomTensor(
                    tensor.shape, isTable: tensor.name == names.tokens,
                    scale: isResidual ? 1 / Float(2 * depth).squareRoot() : 1, seed: seed, index: index)
            }
        }
        try SafetensorsWriter.write(items, metadata: [:], to: path)
    }

    private static func randomTensor(
        _ shape: [Int], isTable: Bool, scale: Float, seed: UInt64, index: Int
    ) -> Tensor {
        guard shape.count == 2 else { return Tensor(repeating: 1, shape: shape) }
        // A stream per row, so that all threads draw.
        let numbers = Tensor.normal(shape) {
            RandomStream(seed: seed, purpose: .initialization, step: index, index: $0)
        }
        return isTable ? numbers : scaled(numbers, by: scale / Float(shape[1]).squareRoot())
    }
}
