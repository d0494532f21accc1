import PixNerdTensors
import PixNerdTestSupport
import Testing

/// The operators over planes of pixels, and their derivatives, against float64 in PyTorch.
@Suite struct PictureOperatorTests {
    @Test(arguments: [("group_norm", false), ("group_norm_silu", true)])
    func groupNormalisation(name: String, silu: Bool) throws {
        let file = try Fixtures.operation(name)
        let groups = Int(try #require(file.metadata["groups"]))!
        try expectMatches(file, inputs: ["x", "weight", "bias"]) {
            groupNorm($0["x"]!, weight: $0["weight"]!, bias: $0["bias"]!, groups: groups, silu: silu)
        }
    }

    /// A mean of thirty deviations must not cost the variance its digits.
    @Test func groupNormalisationFarFromZero() throws {
        let file = try Fixtures.operation("group_norm_far_from_zero")
        let parameters = try ["x", "weight", "bias"].map { Parameter(name: $0, value: try file.tensor($0)) }
        let out = try withGradient(upstream: file.tensor("upstream")) {
            groupNorm(
                parameters[0].tensor, weight: parameters[1].tensor, bias: parameters[2].tensor, groups: 3, silu: true)
        }
        let tolerance = Tolerance(relative: 5e-5, because: "x - mean loses five bits of x's rounding to float32")
        expectClose(out, try file.tensor("out"), tolerance, "out")
        for parameter in parameters {
            expectClose(
                try #require(parameter.gradient), try file.tensor("grad.\(parameter.name)"), tolerance, parameter.name)
        }
    }

    /// Planes of more than one block of moments, whose means differ.
    @Test func momentsOfLargePlanes() {
        var random = RandomStream(seed: 4, purpose: .test)
        var x = Tensor(uninitialized: [1, 2, 90, 70])
        x.withUnsafeMutableBuffer { values in
            random.fillNormal(values)
            for index in values.indices { values[index] += Float(index) / 1000 }
        }
        let out = groupNorm(
            x, weight: Tensor([1, 1], shape: [2]), bias: Tensor([0, 0], shape: [2]), groups: 1)
        let values = x.values.map(Double.init)
        let mean = values.reduce(0, +) / Double(values.count)
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
        let expected = values.map { Float(($0 - mean) / (variance + 1e-6).squareRoot()) }
        expectClose(out, Tensor(expected, shape: x.shape))
    }

    @Test func upsampling() throws {
        try expectMatches(Fixtures.operation("doubled_to_nearest"), inputs: ["x"]) { doubledToNearest($0["x"]!) }
    }

    /// The large one has several tiles of rows.
    @Test(arguments: ["spatial_attention", "spatial_attention_large"])
    func attention(name: String) throws {
        try expectMatches(Fixtures.operation(name), inputs: ["queries", "keys", "values"]) {
            spatialAttention(queries: $0["queries"]!, keys: $0["keys"]!, values: $0["values"]!)
        }
    }

    /// Some logarithms of variances are outside of -30 ... 20, where they have no slope.
    @Test func sampleOfPosterior() throws {
        let file = try Fixtures.operation("gaussian_sample")
        let (moments, noise) = (try file.tensor("moments"), try file.tensor("noise"))
        let parameter = Parameter(name: "moments", value: moments)
        let out = try withGradient(upstream: file.tensor("upstream")) {
            gaussianSample(parameter.tensor, noise: noise)
        }
        expectClose(out, try file.tensor("out"))
        expectClose(try #require(parameter.gradient), try file.tensor("grad.moments"))
        let (mean, logVariance) = gaussianParts(moments)
        #expect(logVariance.values.max() == 20 && logVariance.values.min() == -30)
        #expect(gaussianSample(mean: mean, logVariance: logVariance, noise: noise).values == out.values)
        parameter.value = Tensor.combination(0.05, moments, 0, moments)
        expectDerivative([parameter]) { gaussianSample(parameter.tensor, noise: noise) }
    }

    @Test func divergenceOfPosterior() throws {
        try expectMatches(Fixtures.operation("gaussian_divergence"), inputs: ["moments"]) {
            gaussianDivergence($0["moments"]!)
        }
    }
}
