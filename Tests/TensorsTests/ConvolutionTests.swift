import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Convolution and its derivatives against float64 in PyTorch, and across its ways of cutting the work.
@Suite struct ConvolutionTests {
    @Test(arguments: [
        "3x3", "3x3_batch", "1x1", "1x1_stride", "1x7", "7x1", "5x5_wide_padding", "3x3_downsample",
        "3x3_downsample_odd", "3x3_valid_stride", "4x4_stride3",
    ])
    func agreesWithPyTorch(name: String) throws {
        let file = try Fixtures.operation("convolution_\(name)")
        let stride = Int(try #require(file.metadata["stride"]))!
        let sides = try #require(file.metadata["padding"]).split(separator: " ").map { Int($0)! }
        let padding = ConvolutionPadding(top: sides[0], bottom: sides[1], left: sides[2], right: sides[3])
        let inputs = file.names.contains("bias") ? ["x", "weight", "bias"] : ["x", "weight"]
        try expectMatches(file, inputs: inputs) {
            convolution($0["x"]!, weight: $0["weight"]!, bias: $0["bias"], stride: stride, padding: padding)
        }
    }

    /// Sizes at which a picture has several bands, or a band several pictures, against sums over the taps in float64.
    /// From the fifth on they are those of Winograd's convolution: rows of more than one segment of tiles, tiles that
    /// reach over the edge with no, one and two rows of padding, several blocks of tiles, rows of several pictures at once.
    @Test(arguments: [
        (batch: 2, channels: 40, height: 40, width: 33, outputs: 24, kernel: 3, stride: 1, side: 1),
        (batch: 9, channels: 150, height: 6, width: 7, outputs: 20, kernel: 3, stride: 2, side: 1),
        (batch: 3, channels: 70, height: 30, width: 29, outputs: 16, kernel: 1, stride: 1, side: 0),
        (batch: 7, channels: 33, height: 8, width: 8, outputs: 40, kernel: 1, stride: 1, side: 0),
        (batch: 1, channels: 16, height: 9, width: 270, outputs: 18, kernel: 3, stride: 1, side: 1),
        (batch: 4, channels: 20, height: 13, width: 15, outputs: 17, kernel: 3, stride: 1, side: 0),
        (batch: 3, channels: 16, height: 17, width: 18, outputs: 16, kernel: 3, stride: 1, side: 2),
        (batch: 1, channels: 600, height: 56, width: 57, outputs: 7, kernel: 3, stride: 1, side: 1),
        (batch: 41, channels: 17, height: 7, width: 8, outputs: 18, kernel: 3, stride: 1, side: 1),
        (batch: 90, channels: 16, height: 4, width: 3, outputs: 16, kernel: 3, stride: 1, side: 1),
        (batch: 5, channels: 600, height: 30, width: 29, outputs: 5, kernel: 3, stride: 1, side: 1),
    ])
    func largeSizes(
        batch: Int, channels: Int, height: Int, width: Int, outputs: Int, kernel: Int, stride: Int, side: Int
    ) {
        var random = RandomStream(seed: 3, purpose: .test)
        func normal(_ shape: [Int]) -> Tensor {
            var tensor = Tensor(uninitialized: shape)
            tensor.withUnsafeMutableBuffer { random.fillNormal($0) }
            return tensor
        }
        let x = Parameter(name: "x", value: normal([batch, channels, height, width]))
        let weight = Parameter(name: "weight", value: normal([outputs, channels, kernel, kernel]))
        let bias = Parameter(name: "bias", value: normal([outputs]))
        func result() -> Tensor {
            convolution(
                x.tensor, weight: weight.tensor, bias: bias.tensor, stride: stride,
                padding: ConvolutionPadding(side))
        }
        let shape = result().shape
        let upstream = normal(shape)
        let out = withGradient(upstream: upstream) { result() }

        let direct = DirectConvolution(x: x.value, weight: weight.value, outShape: shape, stride: stride, side: side)
        expectClose(out, direct.out(bias: bias.value.values), .oneOperator, "out")
        for (parameter, expected) in [
            (x, direct.inputGradient(upstream)), (weight, direct.weightGradient(upstream)),
            (bias, direct.biasGradient(upstream)),
        ] {
            expectClose(parameter.gradient ?? Tensor(zeros: [1]), expected, .oneOperator, "grad.\(parameter.name)")
        }
        // A second pass adds to what is there.
        withGradient(upstream: upstream) { result() }
        for (parameter, expected) in [
            (x, direct.inputGradient(upstream)), (weight, direct.weightGradient(upstream)),
        ] {
            let doubled = Tensor.combination(2, expected, 0, expected)
            expectClose(parameter.gradient ?? Tensor(zeros: [1]), doubled, .oneOperator, "twice \(parameter.name)")
        }
    }
}

/// The definition of a convolution, sum by sum in float64.
private struct DirectConvolution {
    let x: [Double]
    let weight: [Double]
    let shape: [Int]
    let filter: [Int]
    let outShape: [Int]
    let stride: Int
    let side: Int

    init(x: Tensor, weight: Tensor, outShape: [Int], stride: Int, side: Int) {
        (self.x, shape) = (x.values.map(Double.init), x.shape)
        (self.weight, filter) = (weight.values.map(Double.init), weight.shape)
        self.outShape = outShape
        self.stride = stride
        self.side = side
    }

    /// Calls `body` with the places in out, x and weight of every product.
    private func forEachProduct(_ body: (_ out: Int, _ x: Int, _ weight: Int) -> Void) {
        let kernel = filter[2]
        for picture in 0..<shape[0] {
            for output in 0..<filter[0] {
                for row in 0..<outShape[2] {
                    for column in 0..<outShape[3] {
                        let out = ((picture * filter[0] + output) * outShape[2] + row) * outShape[3] + column
                        for ky in 0..<kernel {
                            for kx in 0..<kernel {
                                let (y, x) = (row * stride + ky - side, column * stride + kx - side)
                                guard (0..<shape[2]).contains(y), (0..<shape[3]).contains(x) else { continue }
                                for channel in 0..<shape[1] {
                                    body(
                                        out, ((picture * shape[1] + channel) * shape[2] + y) * shape[3] + x,
                                        ((output * shape[1] + channel) * kernel + ky) * kernel + kx)
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    private func tensor(_ sums: [Double], _ shape: [Int]) -> Tensor { Tensor(sums.map { Float($0) }, shape: shape) }

    func out(bias: [Float]) -> Tensor {
        let plane = outShape[2] * outShape[3]
        var sums = (0..<outShape.reduce(1, *)).map { Double(bias[$0 / plane % filter[0]]) }
        sums.withUnsafeMutableBufferPointer { sums in
            forEachProduct { sums[$0] += x[$1] * weight[$2] }
        }
        return tensor(sums, outShape)
    }

    func inputGradient(_ upstream: Tensor) -> Tensor {
        let up = upstream.values.map(Double.init)
        var sums = [Double](repeating: 0, count: x.count)
        sums.withUnsafeMutableBufferPointer { sums in
            forEachProduct { sums[$1] += up[$0] * weight[$2] }
        }
        return tensor(sums, shape)
    }

    func weightGradient(_ upstream: Tensor) -> Tensor {
        let up = upstream.values.map(Double.init)
        var sums = [Double](repeating: 0, count: weight.count)
        sums.withUnsafeMutableBufferPointer { sums in
            forEachProduct { sums[$2] += up[$0] * x[$1] }
        }
        return tensor(sums, filter)
    }

    func biasGradient(_ upstream: Tensor) -> Tensor {
        let plane = outShape[2] * outShape[3]
        var sums = [Double](repeating: 0, count: filter[0])
        for (index, value) in upstream.values.enumerated() { sums[index / plane % filter[0]] += Double(value) }
        return tensor(sums, [filter[0]])
    }
}
