import CPixNerdKernels
import PixNerdTestSupport
import Testing

@testable import PixNerdTensors

/// Linear layers in int8.
@Suite(.enabled(if: pn_kernels_have_int8(), "the processor has neither AVX-512 VNNI nor AMX"))
struct Int8Tests {
    private func normal(_ shape: [Int], index: Int) -> Tensor {
        Tensor.normal(shape) { RandomStream(seed: 6, purpose: .test, index: 100 * index + $0) }
    }

    /// Numbers of each row as an integer times the row's scale, computed from the definition.
    private func quantized(_ x: Tensor) -> (numbers: [[Double]], scales: [Double]) {
        let (width, values) = (x.shape[1], x.values)
        let rows = (0..<x.shape[0]).map { Array(values[$0 * width..<($0 + 1) * width]) }
        let scales = rows.map { $0.map(abs).max()! / 127 }
        let numbers = zip(rows, scales).map { row, scale in
            row.map { Double(($0 * (1 / scale)).rounded(.toNearestOrEven)) }
        }
        return (numbers, scales.map(Double.init))
    }

    /// The products are those of the rounded integers, but for float32's last bits.
    @Test(arguments: [[32, 128, 128], [45, 200, 130], [300, 257, 700]])
    func products(sizes: [Int]) {
        let (rows, outputs, inputs) = (sizes[0], sizes[1], sizes[2])
        let (x, weight) = (normal([rows, inputs], index: 0), normal([outputs, inputs], index: 1))
        let out = Tensor(uninitialized: [rows, outputs])
        TileProduct.onAllThreads(
            rows: rows, TileSource(left: Matrix(x.pointer, stride: inputs)), TileFactor(weight: weight, isInt8: true),
            .set(out.storage.pointer, stride: outputs))
        let (a, b) = (quantized(x), quantized(weight))
        let expected = (0..<rows).flatMap { row in
            (0..<outputs).map { column in
                let sum = zip(a.numbers[row], b.numbers[column]).reduce(0) { $0 + $1.0 * $1.1 }
                return Float(sum * a.scales[row] * b.scales[column])
            }
        }
        expectClose(
            out, Tensor(expected, shape: [rows, outputs]),
            Tolerance(relative: 2e-6, because: "integers are exact; scales are multiplied in float32"))
    }

    /// A layer is near that of float32, keeps no other form of its weight, and follows the current precision.
    @Test func layers() throws {
        let (x, weight) = (normal([64, 256], index: 0), normal([384, 256], index: 1))
        let bias = normal([384], index: 2)
        let exact = linear(x, weight: weight, bias: bias)
        // 7 bits of the largest number of a row, about 4 standard deviations, in both factors: 4 / 127 / sqrt(12) each.
        let tolerance = Tolerance(relative: 0.03, because: "both factors are rounded to 7 bits of the largest number")
        let found = try Precision.int8 { linear(x, weight: weight, bias: bias) }
        expectClose(found, exact, tolerance)
        let rounded = try Precision.bf16 { linear(x, weight: weight, bias: bias) }
        #expect(found.values != rounded.values)
        #expect(try Precision.int8 { linear(x, weight: weight, bias: bias) }.values == found.values)
        // Small layers, and those that get a gradient, are not in int8.
        let small = normal([100, 256], index: 3)
        #expect(
            try Precision.int8 { linear(x, weight: small) }.values == Precision.bf16 { linear(x, weight: small) }.values
        )
        let parameter = Parameter(name: "weight", value: weight)
        func recorded(_ precision: Precision) throws -> Tensor {
            try precision { withGradient { linear(x, weight: parameter.tensor, bias: bias) } }
        }
        #expect(try recorded(.int8).values == recorded(.bf16).values)
    }
}
