import PixNerdCheckpoints
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// The operators of an encoder and of the loss that aligns with it, against float64 in PyTorch.
@Suite struct EncoderOperatorTests {
    @Test func normalisation() throws {
        try expectMatches(Fixtures.operation("layer_norm"), inputs: ["x", "weight", "bias"]) {
            layerNorm($0["x"]!, weight: $0["weight"]!, bias: $0["bias"]!, epsilon: 1e-6)
        }
    }

    @Test func activation() throws {
        try expectMatches(Fixtures.operation("gelu"), inputs: ["x"]) { gelu($0["x"]!) }
    }

    @Test func activationByTanh() throws {
        try expectMatches(Fixtures.operation("tanh_gelu"), inputs: ["x"]) { tanhGELU($0["x"]!) }
    }

    /// Powers of such numbers overflow; the function and its derivative do not.
    @Test func activationByTanhFarOut() {
        let x = Parameter(name: "x", value: Tensor([-1e30, -200, -12, 0, 12, 200, 1e30], shape: [7]))
        withGradient(upstream: Tensor(repeating: 1, shape: [7])) { tanhGELU(x.tensor) }
        // The sigmoid ends at 1e-38 and not at 0.
        for (value, input) in zip(tanhGELU(x.value).values, x.value.values) {
            #expect(abs(value - max(input, 0)) <= 1e-37 * abs(input), "\(input)")
        }
        for (slope, input) in zip(x.gradient!.values, x.value.values) {
            #expect(abs(slope - (input == 0 ? 0.5 : input > 0 ? 1 : 0)) < 1e-30 * max(1, abs(input)), "\(input)")
        }
    }

    @Test func activationFarOut() {
        let x = Tensor([-200, -30, -9, 0, 9, 30, 200], shape: [7])
        #expect(gelu(x).values == [0, 0, gelu(x).values[2], 0, 9, 30, 200])
        // -9 P(N < -9)
        #expect(abs(gelu(x).values[2] / -1.0157e-18 - 1) < 1e-3)
    }

    @Test(arguments: ["attention", "attention_large"])
    func plainAttention(name: String) throws {
        let file = try Fixtures.operation(name)
        let heads = try #require(Int(file.metadata["heads"] ?? ""))
        try expectMatches(file, inputs: ["qkv"]) { attention($0["qkv"]!, heads: heads) }
    }

    @Test func scaling() {
        let x = Parameter(name: "x", value: Tensor([1, -2, 3], shape: [3]))
        let out = withGradient(upstream: Tensor([1, 10, 100], shape: [3])) { scaled(x.tensor, by: 0.5) }
        #expect(out.values == [0.5, -1, 1.5])
        #expect(x.gradient?.values == [0.5, 5, 50])
    }

    @Test func linearOnTopOfAResidual() throws {
        let file = try Fixtures.operation("linear")
        let (x, weight, bias) = (try file.tensor("x"), try file.tensor("weight"), try file.tensor("bias"))
        let residual = Tensor.normal([2, 7, 13]) { RandomStream(seed: 1, purpose: .test, index: $0) }
        let parameters = zip(["residual", "x", "weight", "bias"], [residual, x, weight, bias]).map(Parameter.init)
        func out() -> Tensor {
            let tensors = parameters.map(\.tensor)
            return linear(addedTo: tensors[0], tensors[1], weight: tensors[2], bias: tensors[3])
        }
        expectClose(out(), sum(residual, linear(x, weight: weight, bias: bias)))
        let upstream = try file.tensor("upstream")
        withGradient(upstream: upstream) { out() }
        #expect(parameters[0].gradient?.values == upstream.values)
        for parameter in parameters.dropFirst() {
            expectClose(try #require(parameter.gradient), try file.tensor("grad.\(parameter.name)"))
        }
        expectDerivative(parameters) { out() }
    }

    @Test func sequencesOfTokens() {
        let leading = Tensor([1, 2, 3, 4], shape: [2, 2])
        let patches = Tensor((0..<12).map(Float.init), shape: [2, 3, 2])
        let positions = Tensor([10, 20, 30, 40, 50, 60], shape: [3, 2])
        let tokens = tokenSequence(leading: leading, patches: patches, positions: positions)
        #expect(tokens.shape == [2, 5, 2])
        #expect(
            tokens.values == [1, 2, 3, 4, 10, 21, 32, 43, 54, 65] + [1, 2, 3, 4, 16, 27, 38, 49, 60, 71])
        let rest = droppingTokens(2, of: tokens)
        #expect(rest.shape == [2, 3, 2])
        #expect(rest.values == [10, 21, 32, 43, 54, 65, 16, 27, 38, 49, 60, 71])
    }

    private func loss(_ name: String) throws -> (Parameter, () -> (mean: Tensor, pictures: [Float]), SafetensorsFile) {
        let file = try Fixtures.operation(name)
        let target = try file.tensor("labels")
        let a = Parameter(name: "a", value: try file.tensor("a"))
        return (a, { meanCosineDistance(a.tensor, target: target) }, file)
    }

    @Test(arguments: ["cosine_distance", "cosine_distance_small"])
    func cosineDistance(name: String) throws {
        let (a, body, file) = try loss(name)
        let out = try withGradient(upstream: file.tensor("upstream")) { body().mean }
        expectClose(out, try file.tensor("out"))
        // Row by row, since the gradient of a row grows as the row gets smaller.
        let (gradient, expected) = (try #require(a.gradient), try file.tensor("grad.a"))
        let (width, rows) = (a.value.shape.last!, a.value.count / a.value.shape.last!)
        for row in 0..<rows {
            expectClose(
                gradient.reshaped([rows, width]).rows(row..<row + 1),
                expected.reshaped([rows, width]).rows(row..<row + 1), .oneOperator, "row \(row)")
        }
        let pictures = body().pictures
        #expect(pictures.count == a.value.shape[0])
        #expect(abs(pictures.reduce(0, +) / Float(pictures.count) - out.scalar) < 1e-6)
    }

    @Test func cosineDistanceHasTheDerivativeOfItsValues() throws {
        let (a, body, _) = try loss("cosine_distance")
        expectDerivative([a]) { body().mean }
    }

    @Test(arguments: [(7, 11), (20, 13), (9, 5), (1, 2)])
    func bicubicPictures(rows: Int, columns: Int) throws {
        let file = try Fixtures.operation("bicubic")
        for (name, kernel) in [("plain", BicubicKernel.plain), ("antialiased", .antialiased)] {
            let out = resizedBicubic(try file.tensor("image"), height: rows, width: columns, kernel: kernel)
            expectClose(out, try file.tensor("\(name).\(rows)x\(columns)"), .oneOperator, name)
        }
    }

    @Test(arguments: [(5, 3), (9, 16)])
    func bicubicGridsWithAnOffset(rows: Int, columns: Int) throws {
        let file = try Fixtures.operation("bicubic")
        let grid = try file.tensor("grid")
        let expected = try file.tensor("offset.\(rows)x\(columns)")
        let scale = ((Double(rows) + 0.1) / 7, (Double(columns) + 0.1) / 7)
        expectClose(resizedBicubic(grid: grid, rows: rows, columns: columns, scale: scale), expected)
        // The offset matters.
        let plain = resizedBicubic(grid: grid, rows: rows, columns: columns)
        #expect(relativeError(plain.values, expected.values) > 1e-3)
    }

    @Test func bicubicToTheSameSizeChangesNothing() throws {
        let image = try Fixtures.operation("bicubic").tensor("image")
        for kernel in [BicubicKernel.plain, .antialiased] {
            #expect(resizedBicubic(image, height: 9, width: 13, kernel: kernel).values == image.values)
        }
    }
}
