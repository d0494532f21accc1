import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Rectified convolution, pooling and the distance of directions, against float64 in PyTorch.
@Suite struct PerceptualOperatorTests {
    @Test func rectifiedConvolution() throws {
        let file = try Fixtures.operation("convolution_rectified")
        try expectMatches(file, inputs: ["x", "weight", "bias"]) {
            convolution(
                $0["x"]!, weight: $0["weight"]!, bias: $0["bias"], padding: ConvolutionPadding(1), rectified: true)
        }
    }

    @Test func maximumPooling() throws {
        let file = try Fixtures.operation("halved_to_maximum")
        try expectMatches(file, inputs: ["x"]) { halvedToMaximum($0["x"]!) }
    }

    /// As PyTorch has it.
    @Test func theFirstOfEqualMaximaGetsTheGradient() {
        let x = Parameter(name: "x", value: Tensor([1, 2, 2, 2, 5, 5, 0, 5], shape: [1, 2, 2, 2]))
        let out = withGradient(upstream: Tensor([3, 4], shape: [1, 2, 1, 1])) { halvedToMaximum(x.tensor) }
        #expect(out.values == [2, 5])
        #expect(x.gradient?.values == [0, 3, 0, 0, 4, 0, 0, 0])
    }

    @Test func distanceOfDirections() throws {
        let file = try Fixtures.operation("channel_distance")
        let (b, weights) = (try file.tensor("b"), try file.tensor("weights"))
        let a = Parameter(name: "a", value: try file.tensor("a"))
        func mean() -> Tensor { meanChannelDistance(a.tensor, target: b, weights: weights).mean }
        let out = withGradient(upstream: try file.tensor("upstream")) { mean() }
        let expected = try file.tensor("out").values
        expectClose(out, Tensor(expected, shape: [1]))
        expectClose(try #require(a.gradient), try file.tensor("grad.a"))
        let pictures = meanChannelDistance(a.value, target: b, weights: weights).pictures
        #expect(abs(pictures.reduce(0, +) / 2 - expected[0]) < 1e-6)
        expectDerivative([a]) { mean() }
    }

    /// Where a network sees nothing, no gradient may become something that is not a number.
    @Test func pixelsWithoutFeaturesHaveNoGradient() throws {
        let b = Tensor([0, 3, 0, 4, 0, 0], shape: [1, 2, 1, 3])
        let a = Parameter(name: "a", value: Tensor([0, 0, 5, 0, 0, 0], shape: [1, 2, 1, 3]))
        let mean = withGradient {
            meanChannelDistance(a.tensor, target: b, weights: Tensor(repeating: 1, shape: [2])).mean
        }
        // Distances 1 (b is (0, 1)), 1 (b is (1, 0)) and 1 (b is nothing).
        #expect(abs(mean.scalar - 1) < 1e-6)
        let gradient = try #require(a.gradient).values
        #expect(gradient.allSatisfy { abs($0) < 1e-6 })
    }
}
