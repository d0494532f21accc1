import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Pooling and convolution among other channels, against the sums themselves.
@Suite struct PoolingTests {
    private static func numbers(_ shape: [Int]) -> Tensor {
        var stream = RandomStream(seed: 5, purpose: .test)
        var tensor = Tensor(uninitialized: shape)
        tensor.withUnsafeMutableBuffer { stream.fillNormal($0) }
        return tensor
    }

    /// Windows of 3 x 3 of each plane, cut at its edges.
    private static func pooled(
        _ x: Tensor, stride step: Int, padding: Int, _ reduce: ([Float]) -> Float
    ) -> Tensor {
        let (height, width) = (x.shape[2], x.shape[3])
        let sides = [height, width].map { ($0 + 2 * padding - 3) / step + 1 }
        var values: [Float] = []
        for plane in 0..<x.shape[0] * x.shape[1] {
            for y in 0..<sides[0] {
                for x0 in 0..<sides[1] {
                    let rows = (y * step - padding..<y * step - padding + 3).clamped(to: 0..<height)
                    let columns = (x0 * step - padding..<x0 * step - padding + 3).clamped(to: 0..<width)
                    values.append(
                        reduce(rows.flatMap { row in columns.map { x.values[(plane * height + row) * width + $0] } }))
                }
            }
        }
        return Tensor(values, shape: Array(x.shape.prefix(2)) + sides)
    }

    @Test(arguments: [[2, 3, 9, 7], [1, 5, 3, 20], [1, 1, 8, 8]], [(2, 0), (1, 1), (1, 0), (2, 1)])
    func maximaAreThoseOfTheirWindows(shape: [Int], way: (stride: Int, padding: Int)) {
        let x = Self.numbers(shape)
        let expected = Self.pooled(x, stride: way.stride, padding: way.padding) { $0.max()! }
        #expect(ConvolutionInference.maxPool(x, stride: way.stride, padding: way.padding).values == expected.values)
        var out = Tensor(repeating: 9, shape: [shape[0], shape[1] + 3] + expected.shape[2...])
        ConvolutionInference.maxPool(x, stride: way.stride, padding: way.padding, into: &out, firstChannel: 2)
        expectPlaced(expected, in: out, from: 2)
    }

    @Test(arguments: [[2, 3, 9, 7], [1, 5, 3, 20], [1, 1, 1, 1], [1, 2, 5, 1], [1, 2, 1, 5], [1, 1, 2, 2]])
    func meansDoNotCountWhatLiesOutside(shape: [Int]) {
        let x = Self.numbers(shape)
        let expected = Self.pooled(x, stride: 1, padding: 1) { $0.reduce(0, +) / Float($0.count) }
        expectClose(ConvolutionInference.averagePool(x), expected)
        let means = ConvolutionInference.planeMeans(x)
        #expect(means.shape == Array(shape.prefix(2)))
        let plane = shape[2] * shape[3]
        for (index, mean) in means.values.enumerated() {
            #expect(abs(mean - x.values[index * plane..<(index + 1) * plane].reduce(0, +) / Float(plane)) < 1e-6)
        }
    }

    /// The last shape is large enough for Winograd's way.
    @Test(arguments: [[1, 3, 6, 5], [5, 3, 6, 5], [5, 16, 11, 13]])
    func convolutionsWriteTheirChannelsAndNoOthers(shape: [Int]) {
        let (batch, inputs, height, width) = (shape[0], shape[1], shape[2], shape[3])
        let (x, weight, bias) = (Self.numbers(shape), Self.numbers([4, inputs, 3, 3]), Self.numbers([4]))
        let padding = ConvolutionPadding(1)
        let plain = convolution(x, weight: weight, bias: bias, padding: padding)
        let expected = Tensor(plain.values.map { max($0, 0) }, shape: plain.shape)
        #expect(plain.values.contains { $0 < 0 })
        expectClose(
            ConvolutionInference.rectifiedConvolution(x, weight: weight, bias: bias, padding: padding), expected)
        var out = Tensor(repeating: 9, shape: [batch, 7, height, width])
        ConvolutionInference.rectifiedConvolution(
            x, weight: weight, bias: bias, padding: padding, into: &out, firstChannel: 2)
        expectPlaced(expected, in: out, from: 2)
    }

    /// Fails unless `part` stands in `whole` from a channel on, and 9 everywhere else.
    private func expectPlaced(_ part: Tensor, in whole: Tensor, from first: Int) {
        let plane = part.shape[2] * part.shape[3]
        for picture in 0..<whole.shape[0] {
            for channel in 0..<whole.shape[1] {
                let at = (picture * whole.shape[1] + channel) * plane
                let found = Array(whole.values[at..<at + plane])
                let inside = channel >= first && channel < first + part.shape[1]
                let from = (picture * part.shape[1] + channel - first) * plane
                let expected = inside ? Array(part.values[from..<from + plane]) : Array(repeating: 9, count: plane)
                #expect(relativeError(found, expected) < 1e-6)
            }
        }
    }
}
