import PixNerdDiffusion
import PixNerdLayers
import PixNerdModels
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Whole networks in bf16 compared with float32.
@Suite(.whereBFloat16IsHad)
struct PrecisionTests {
    private static let rounded = Tolerance(
        relative: 2e-2, because: "inputs of all matmuls are rounded by up to 2^-9, through three blocks and a field")

    private static func model(recomputes: Bool) throws -> PixNerd {
        let architecture = try PixNerdArchitecture(
            hiddenSize: 128, heads: 2, blocks: 4, conditionedBlocks: 3, patchSize: 8, fieldWidth: 64, classes: 5)
        let model = PixNerd(architecture, seed: 2, recomputesBlocks: recomputes)
        // The published initialisation starts gates and the last layer from zero.
        for (index, parameter) in model.parameters.enumerated() where parameter.value.values.allSatisfy({ $0 == 0 }) {
            parameter.value = scaled(Self.noise(parameter.value.shape, index: index), by: 0.05)
        }
        return model
    }

    private static func noise(_ shape: [Int], index: Int) -> Tensor {
        var stream = RandomStream(seed: 8, purpose: .test, index: index)
        var noise = Tensor(uninitialized: shape)
        noise.withUnsafeMutableBuffer { stream.fillNormal($0) }
        return noise
    }

    @Test(arguments: [false, true])
    func velocityAndGradients(recomputes: Bool) throws {
        let model = try Self.model(recomputes: recomputes)
        let (x, upstream) = (Self.noise([2, 3, 64, 64], index: 1000), Self.noise([2, 3, 64, 64], index: 1001))
        func result(_ precision: Precision) throws -> (velocity: Tensor, gradients: [Tensor]) {
            for parameter in model.parameters { parameter.clearGradient() }
            return try precision {
                let velocity = withGradient(upstream: upstream) {
                    model.velocity(x, times: [0.3, 0.8], condition: ClassCondition([1, 4]))
                }
                return (velocity, try model.parameters.map { try #require($0.gradient).copied() })
            }
        }
        let (exact, rounded) = (try result(.fp32), try result(.bf16))
        expectClose(rounded.velocity, exact.velocity, Self.rounded, "velocity")
        #expect(rounded.velocity.values != exact.velocity.values, "nothing was rounded")
        for (parameter, (a, b)) in zip(model.parameters, zip(rounded.gradients, exact.gradients)) {
            expectClose(a, b, Self.rounded, parameter.name)
        }
        #expect(try result(.bf16).velocity.values == rounded.velocity.values, "another run has other bits")
    }
}
