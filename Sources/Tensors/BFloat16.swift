import CVectorKernels

/// A number of 16 bits: the upper half of a float32.
struct BFloat16: ProductFactor {
    let bits: UInt16

    static func multiply(
        _ shape: ProductShape, _ a: UnsafePointer<BFloat16>, _ b: UnsafePointer<BFloat16>,
        bias: UnsafePointer<Float>?, into c: UnsafeMutablePointer<Float>
    ) {
        OneDNN.shared.multiply(shape, a, b, bias: bias, into: c, takesBFloat16: true)
    }

    static func multiply(
        rows: Int, _ x: Rounded<BFloat16>, byWeight weight: Tensor, bias: Tensor?,
        into c: UnsafeMutablePointer<Float>, prepare: RowPreparation?
    ) {
        guard let packed = PackedWeight.of(weight) else {
            return multiply(rows: rows, x, byRowsOf: weight, bias: bias, into: c, prepare: prepare)
        }
        let outputs = weight.shape[0]
        packed.forEachPanel(rows: rows) { rows, panel, columns in
            if let prepare { for row in rows { prepare(c, row, columns) } }
            packed.multiply(
                rows: rows, panel: panel, x.pointer, bias: bias?.pointer, adds: prepare != nil,
                into: c + rows.lowerBound * outputs + columns.lowerBound, stride: outputs)
        }
    }

    static func multiply(
        rows: Int, columns: Int, inner: Int, _ a: Matrix<BFloat16>, _ b: Matrix<BFloat16>,
        bias: UnsafePointer<Float>?, roundedInto c: UnsafeMutablePointer<BFloat16>
    ) {
        // oneDNN sums up in working memory of the size of a band.
        MatrixProduct.forEachBand(rows: rows, columns: columns, longest: 2048) { rows, range in
            OperatorProfile.count(multiplyAdds: rows.count * range.count * inner)
            let (a, b) = (a.from(row: rows.lowerBound), b.from(column: range.lowerBound))
            let shape = ProductShape(
                rows: rows.count, columns: range.count, inner: inner, aStride: a.stride, aIsTransposed: a.transposed,
                bStride: b.stride, bIsTransposed: b.transposed, cStride: columns, roundsResult: true)
            OneDNN.shared.multiply(
                shape, a.pointer, b.pointer, bias: bias.map { $0 + range.lowerBound },
                into: c + rows.lowerBound * columns + range.lowerBound, takesBFloat16: true)
        }
    }

    /// c = x W^T + bias on all threads, rounded.
    static func roundedProduct(
        rows: Int, _ x: Rounded<BFloat16>, byWeight weight: Tensor, bias: Tensor,
        into c: UnsafeMutablePointer<BFloat16>
    ) {
        let (outputs, inputs) = (weight.shape[0], weight.shape[1])
        guard let packed = PackedWeight.of(weight) else {
            return multiply(
                rows: rows, columns: outputs, inner: inputs, x.matrix(stride: inputs),
                roundedWeight(weight).matrix(stride: inputs, transposed: true), bias: bias.pointer, roundedInto: c)
        }
        packed.forEachPanel(rows: rows, results: 1) { rows, panel, columns, room in
            packed.multiply(
                rows: rows, panel: panel, x.pointer, bias: bias.pointer, into: room, stride: columns.count)
            roundRows(room, rows: rows, columns: columns, into: c, stride: outputs)
        }
    }

    /// silu(x W1^T) * (x W3^T) on all threads, rounded, without float32 matrices between; nil where nothing is packed.
    static func gatedProduct(
        rows: Int, _ x: Rounded<BFloat16>, gateWeight: Tensor, valueWeight: Tensor
    ) -> Rounded<BFloat16>? {
        guard let gate = PackedWeight.of(gateWeight), let value = PackedWeight.of(valueWeight) else { return nil }
        let outputs = gateWeight.shape[0]
        let storage = RoundedStorage(count: rows * outputs)
        gate.forEachPanel(rows: rows, results: 3) { rows, panel, columns, room in
            let count = rows.count * columns.count
            for (place, factor) in [gate, value].enumerated() {
                factor.multiply(
                    rows: rows, panel: panel, x.pointer, bias: nil, into: room + place * count, stride: columns.count)
            }
            silu_gate_forward(count, room, room + count, room + 2 * count)
            roundRows(room + 2 * count, rows: rows, columns: columns, into: storage.pointer, stride: outputs)
        }
        return storage.elements
    }

    /// Rounds [rows, columns] to their places in a matrix.
    private static func roundRows(
        _ x: UnsafePointer<Float>, rows: Range<Int>, columns: Range<Int>, into c: UnsafeMutablePointer<BFloat16>,
        stride: Int
    ) {
        for (place, row) in rows.enumerated() {
            round_to_bfloat16(columns.count, x + place * columns.count, c + row * stride + columns.lowerBound)
        }
    }

    static func rounded(_ tensor: Tensor) -> Rounded<BFloat16> {
        tensor.storage.rounded { RoundedStorage(of: tensor) }.elements
    }

    static func roundedWeight(_ tensor: Tensor) -> Rounded<BFloat16> {
        tensor.node?.roundedParameter() ?? rounded(tensor)
    }

    static func rounded(
        _ x: UnsafePointer<Float>, count: Int, in room: UnsafeMutablePointer<Float>
    ) -> UnsafePointer<BFloat16> {
        round_to_bfloat16(count, x, room)
        return UnsafePointer(UnsafeMutableRawPointer(room).assumingMemoryBound(to: BFloat16.self))
    }

    static func place(
        _ place: UnsafeMutablePointer<BFloat16>, or room: UnsafeMutablePointer<Float>
    ) -> UnsafeMutablePointer<Float> { room }

    static func computed(
        count: Int, _ fill: (_ range: Range<Int>, _ out: UnsafeMutablePointer<Float>) -> Void
    ) -> Rounded<BFloat16> {
        let storage = RoundedStorage(count: count)
        parallelChunks(count, of: elementsPerChunk) { range in
            withWorkspace(range.count) { out in
                fill(range, out)
                round_to_bfloat16(range.count, out, storage.pointer + range.lowerBound)
            }
        }
        return storage.elements
    }

    static func widened(
        _ x: UnsafePointer<BFloat16>, rows: Int, width: Int, stride: Int, in room: UnsafeMutablePointer<Float>
    ) -> (pointer: UnsafePointer<Float>, stride: Int) {
        for row in 0..<rows { bfloat16_to_float(width, x + row * stride, room + row * width) }
        return (UnsafePointer(room), width)
    }
}

/// A pooled block of bf16.
///
/// `@unchecked Sendable`: only what makes it writes it.
package final class RoundedStorage: @unchecked Sendable {
    let pointer: UnsafeMutablePointer<BFloat16>
    private let blockSize: Int

    /// For elements that are written before anything reads them.
    @inline(never)
    init(count: Int) {
        let (block, size) = MemoryPool.shared.take(bytes: count * MemoryLayout<BFloat16>.stride)
        pointer = block.bindMemory(to: BFloat16.self, capacity: count)
        blockSize = size
    }

    fileprivate convenience init(of tensor: Tensor) {
        self.init(count: tensor.count)
        roundToBFloat16(tensor.pointer, count: tensor.count, into: pointer)
    }

    var elements: Rounded<BFloat16> { Rounded(pointer: pointer, owner: self) }

    deinit { MemoryPool.shared.give(UnsafeMutableRawPointer(pointer), size: blockSize) }
}

/// Rounds on all threads.
func roundToBFloat16(_ x: UnsafePointer<Float>, count: Int, into target: UnsafeMutablePointer<BFloat16>) {
    parallelChunks(count, of: elementsPerChunk) { range in
        round_to_bfloat16(range.count, x + range.lowerBound, target + range.lowerBound)
    }
}
