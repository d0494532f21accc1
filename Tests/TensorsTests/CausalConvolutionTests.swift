import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Convolution over time and the norm over a clip, with their derivatives, against float64 in PyTorch.
@Suite struct CausalConvolutionTests {
    @Test(arguments: ["plain", "bias", "halving", "doubling", "winograd", "winograd_halving", "winograd_doubling"])
    func agreesWithPyTorch(name: String) throws {
        let file = try Fixtures.operation("causal_convolution_\(name)")
        func number(_ key: String) throws -> Int { try #require(file.metadata[key].flatMap { Int($0) }) }
        let (frames, step, doubles) = (try number("frames"), try number("time_stride"), try number("doubles") == 1)
        let inputs = file.names.contains("bias") ? ["x", "weight", "bias"] : ["x", "weight"]
        try expectMatches(file, inputs: inputs) {
            causalConvolution(
                $0["x"]!, weight: $0["weight"]!, bias: $0["bias"], frames: frames, timeStride: step,
                padding: ConvolutionPadding(1), doublesTime: doubles)
        }
    }

    /// Each frame of the result depends on no frame behind its own.
    @Test func seesNoFrameAhead() {
        var random = RandomStream(seed: 4, purpose: .test)
        func normal(_ shape: [Int]) -> Tensor {
            var tensor = Tensor(uninitialized: shape)
            tensor.withUnsafeMutableBuffer { random.fillNormal($0) }
            return tensor
        }
        let (x, weight) = (normal([5, 2, 4, 4]), normal([3, 2, 3, 3, 3]))
        func result(_ x: Tensor) -> Tensor {
            causalConvolution(x, weight: weight, frames: 5, padding: ConvolutionPadding(1))
        }
        let changed = Tensor.concatenated([x.rows(0..<3), normal([2, 2, 4, 4])])
        #expect(result(x).rows(0..<3).values == result(changed).rows(0..<3).values)
        #expect(result(x).rows(3..<4).values != result(changed).rows(3..<4).values)
    }

    @Test func normOverClips() throws {
        try expectMatches(Fixtures.operation("group_norm_frames"), inputs: ["x", "weight", "bias"]) {
            groupNorm(
                $0["x"]!, weight: $0["weight"]!, bias: $0["bias"]!, groups: 3, silu: true, epsilon: 1e-5, frames: 4)
        }
    }

    @Test(arguments: [-2, 0, 1])
    func windowsOfFrames(first: Int) {
        let values = (0..<12).map { Float($0 + 1) }
        let x = Parameter(name: "x", value: Tensor(values, shape: [6, 2]))
        let kept = 3 - first
        let weights = Tensor((0..<4 * kept).map { Float($0 * $0 + 1) }, shape: [2 * kept, 2])
        let out = withGradient(upstream: weights) { frameWindow(x.tensor, frames: 3, from: first) }
        let zeros = [Float](repeating: 0, count: 2 * max(0, -first))
        let dropped = [Float](repeating: 0, count: 2 * max(0, first))
        var (expected, gradient): ([Float], [Float]) = ([], [])
        for clip in 0..<2 {
            expected += zeros + values[6 * clip + dropped.count..<6 * clip + 6]
            gradient += dropped + weights.values[2 * kept * clip + zeros.count..<2 * kept * (clip + 1)]
        }
        #expect(out.values == expected)
        #expect(x.gradient?.values == gradient)
    }
}
