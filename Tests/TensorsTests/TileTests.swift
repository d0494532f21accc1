import CPixNerdKernels
import PixNerdTestSupport
import Testing

@testable import PixNerdTensors

/// Products over tiles. They run with AMX, or anywhere with AVX-512 BF16 where PIXNERD_ISA asks for emulated tiles.
@Suite(.enabled(if: pn_kernels_have_tiles(), "the processor has no AMX, and PIXNERD_ISA does not emulate it"))
struct TileTests {
    /// Sums of rounded products in another order.
    private static let summed = Tolerance(relative: 1e-5, because: "the order of summation differs")
    /// The result is rounded to 8 bits.
    private static let rounded = Tolerance(relative: 8e-3, because: "results are rounded to bf16, by up to 2^-9")

    private func normal(_ shape: [Int], index: Int) -> Tensor {
        let values = Tensor.normal(shape) { RandomStream(seed: 5, purpose: .test, index: 100 * index + $0) }
        // Numbers that bf16 has.
        return values.rounded(to: BFloat16.self).widened(shape)
    }

    /// c = a b by a loop in double precision.
    private func product(_ a: Tensor, _ b: Tensor, aIsTransposed: Bool = false, bIsTransposed: Bool = false) -> Tensor {
        let (rows, inner) = aIsTransposed ? (a.shape[1], a.shape[0]) : (a.shape[0], a.shape[1])
        let columns = bIsTransposed ? b.shape[0] : b.shape[1]
        let (x, y) = (a.values, b.values)
        var values: [Float] = []
        for row in 0..<rows {
            for column in 0..<columns {
                var sum = 0.0
                for k in 0..<inner {
                    sum +=
                        Double(x[aIsTransposed ? k * rows + row : row * inner + k])
                        * Double(y[bIsTransposed ? column * inner + k : k * columns + column])
                }
                values.append(Float(sum))
            }
        }
        return Tensor(values, shape: [rows, columns])
    }

    /// Sizes that fill blocks, whose left factors are read in place, and such that do not; both orders of both factors, in
    /// bf16 and float32; more than one slice of the inner dimension.
    @Test(
        arguments: [[32, 32, 32], [1, 1, 1], [45, 70, 33], [96, 300, 96], [64, 40, 2112], [40, 64, 2100]],
        [false, true])
    func products(sizes: [Int], isTransposed: Bool) {
        let (rows, columns, inner) = (sizes[0], sizes[1], sizes[2])
        let a = normal(isTransposed ? [inner, rows] : [rows, inner], index: 0)
        let b = normal(isTransposed ? [columns, inner] : [inner, columns], index: 1)
        let expected = product(a, b, aIsTransposed: isTransposed, bIsTransposed: isTransposed)
        // Numbers that float32 and bf16 both have.
        let rounded = a.rounded(to: BFloat16.self)
        let left = TileSource(left: rounded.matrix(stride: a.shape[1], transposed: isTransposed))
        let float = TileSource(left: Matrix(a.pointer, stride: a.shape[1], transposed: isTransposed))
        let right = TileSource(right: Matrix(b.pointer, stride: b.shape[1], transposed: isTransposed))
        let factor = TileFactor(columns: columns, inner: inner, right)
        let bias = normal([columns], index: 2)
        for beta in [Float(0), 1] {
            let own = Tensor(repeating: 2, shape: [rows, columns])
            TileProduct.onThisThread(
                rows: rows, columns: columns, inner: inner, float, right, bias: beta == 0 ? bias.pointer : nil,
                beta: beta, into: own.storage.pointer, stride: columns)
            let all = Tensor(repeating: 2, shape: [rows, columns])
            TileProduct.onAllThreads(
                rows: rows, left, factor,
                beta == 0
                    ? .set(all.storage.pointer, stride: columns, bias: bias.pointer)
                    : .accumulate(all.storage.pointer, stride: columns, beta: 1))
            let wanted = Tensor(
                expected.values.enumerated().map { $1 + (beta == 0 ? bias.values[$0 % columns] : 2) },
                shape: [rows, columns])
            expectClose(own, wanted, Self.summed, "on this thread, beta \(beta)")
            expectClose(all, wanted, Self.summed, "on all threads, beta \(beta)")
        }
        let storage = RoundedStorage(count: rows * columns)
        TileProduct.onAllThreads(rows: rows, left, factor, .round(storage.pointer, stride: columns, bias: nil))
        expectClose(storage.elements.widened([rows, columns]), expected, Self.rounded, "rounded")
    }

    /// silu(gate) value and its derivatives, against the kernels for float32.
    @Test(arguments: [[70, 45, 64], [256, 320, 96]])
    func gates(sizes: [Int]) {
        let (rows, inner, width) = (sizes[0], sizes[1], sizes[2])
        let (x, up) = (normal([rows, width], index: 0), normal([rows, width], index: 3))
        let (gateWeight, valueWeight) = (normal([inner, width], index: 1), normal([inner, width], index: 2))
        let outputWeight = normal([width, inner], index: 4)
        let (gate, value) = (
            product(x, gateWeight, bIsTransposed: true), product(x, valueWeight, bIsTransposed: true)
        )
        let (hidden, gates, values) = (
            RoundedStorage(count: rows * inner), RoundedStorage(count: rows * inner),
            RoundedStorage(count: rows * inner)
        )
        let places = TileResult.GatePlaces(gates: gates.pointer, values: values.pointer)
        TileProduct.onAllThreads(
            rows: rows, TileSource(left: Matrix(x.pointer, stride: width)), TileFactor(weight: gateWeight),
            second: TileFactor(weight: valueWeight), .gate(hidden.pointer, stride: inner, keeping: places))
        let shape = [rows, inner]
        expectClose(gates.elements.widened(shape), gate, Self.rounded, "gates")
        expectClose(values.elements.widened(shape), value, Self.rounded, "values")
        let expected = gatedProduct(gate: gate, value: value)
        expectClose(hidden.elements.widened(shape), expected, Self.rounded, "silu(gate) value")

        let ofHidden = product(up, outputWeight)
        let (ofGate, ofValue) = (Tensor(uninitialized: shape), Tensor(uninitialized: shape))
        let (keptGate, keptValue) = (gates.elements.widened(shape), values.elements.widened(shape))
        pn_silu_gate_backward(
            rows * inner, keptGate.pointer, keptValue.pointer, ofHidden.pointer, ofGate.storage.pointer,
            ofValue.storage.pointer)
        withExtendedLifetime((keptGate, keptValue)) {}
        TileProduct.onAllThreads(
            rows: rows, TileSource(left: Matrix(up.pointer, stride: width)),
            TileFactor(
                columns: inner, inner: width, TileSource(right: Matrix(outputWeight.pointer, stride: inner))),
            .gateBackward(hidden.pointer, stride: inner, places))
        expectClose(gates.elements.widened(shape), ofGate, Self.rounded, "gradient of gates")
        expectClose(values.elements.widened(shape), ofValue, Self.rounded, "gradient of values")
        expectClose(hidden.elements.widened(shape), expected, Self.rounded, "silu(gate) value, once more")
    }

    /// residual + gate * product with a gate for each run of rows, also where a run does not fill a block.
    @Test(arguments: [64, 50])
    func gatedResiduals(rowsPerGate: Int) {
        let (images, columns, inner) = (3, 70, 96)
        let rows = images * rowsPerGate
        let (a, weight) = (normal([rows, inner], index: 0), normal([columns, inner], index: 1))
        let (residual, gates) = (normal([rows, columns], index: 2), normal([images, columns], index: 3))
        let out = Tensor(uninitialized: [rows, columns])
        TileProduct.onAllThreads(
            rows: rows, TileSource(left: Matrix(a.pointer, stride: inner)), TileFactor(weight: weight),
            .gatedResidual(
                out.storage.pointer, stride: columns, bias: nil,
                TileResult.GatedResidual(
                    residual: residual.pointer, gates: gates.pointer, gateStride: columns, rowsPerGate: rowsPerGate)))
        let y = product(a, weight, bIsTransposed: true)
        let expected = Tensor(
            (0..<rows * columns).map { at in
                residual.values[at] + gates.values[at / columns / rowsPerGate * columns + at % columns] * y.values[at]
            }, shape: [rows, columns])
        expectClose(out, expected, Self.summed)
    }

    /// A tensor in bf16 only is made float32 when it is read, and can be written.
    @Test func tensorsInBFloat16() {
        let exact = normal([3, 40], index: 0)
        let storage = RoundedStorage(count: exact.count)
        roundToBFloat16(exact.pointer, count: exact.count, into: storage.pointer)
        var tensor = storage.tensor(shape: exact.shape)
        #expect(tensor.isRounded && tensor.rounded(to: BFloat16.self).pointer == UnsafePointer(storage.pointer))
        #expect(tensor.isRounded, "reading it in bf16 makes no float32")
        let other = tensor
        #expect(tensor.values == exact.values && !tensor.isRounded)
        tensor.withUnsafeMutableBuffer { $0[0] = 7 }
        #expect(tensor.values[0] == 7 && other.values == exact.values)
        #expect(tensor.rounded(to: BFloat16.self).widened(exact.shape).values[0] == 7)
    }
}

extension Rounded where Element == BFloat16 {
    /// The elements as float32.
    fileprivate func widened(_ shape: [Int]) -> Tensor {
        let tensor = Tensor(uninitialized: shape)
        pn_bfloat16_to_float(tensor.count, pointer, tensor.storage.pointer)
        return tensor
    }
}
