import CPixNerdKernels

/// Matmuls in bf16 on all threads: over tiles, by vectors with packed weights, or with oneDNN.
extension BFloat16 {
    /// A weight packed for products over tiles: once, or for this product if it gets a gradient; nil if these do not run.
    private static func tiles(of weight: Tensor, quantizes: Bool = true) -> TileFactor? {
        PackedWeight.of(weight, quantizes: quantizes)?.tiles ?? (TileProduct.isUsed ? TileFactor(weight: weight) : nil)
    }

    static func multiply(
        rows: Int, _ x: Rounded<BFloat16>, byWeight weight: Tensor, bias: Tensor?,
        into c: UnsafeMutablePointer<Float>, prepare: RowPreparation?
    ) {
        let (outputs, inputs) = (weight.shape[0], weight.shape[1])
        if let factor = tiles(of: weight) {
            let result =
                prepare == nil
                ? TileResult.set(c, stride: outputs, bias: bias?.pointer)
                : .accumulate(c, stride: outputs, beta: 1)
            return TileProduct.onAllThreads(
                rows: rows, TileSource(left: x.matrix(stride: inputs)), factor, result,
                prepare: prepare.map { prepare in { rows, columns in for row in rows { prepare(c, row, columns) } } })
        }
        guard let packed = PackedWeight.of(weight) else {
            return multiply(rows: rows, x, byRowsOf: weight, bias: bias, into: c, prepare: prepare)
        }
        packed.forEachPanel(rows: rows) { rows, panel, columns in
            if let prepare { for row in rows { prepare(c, row, columns) } }
            packed.multiply(
                rows: rows, panel: panel, x.pointer, bias: bias?.pointer, adds: prepare != nil,
                into: c + rows.lowerBound * outputs + columns.lowerBound, stride: outputs)
        }
    }

    static func multiply(
        rows: Int, _ x: Rounded<BFloat16>, byColumnsOf weight: Tensor, beta: Float,
        into c: UnsafeMutablePointer<Float>
    ) {
        let (outputs, inputs) = (weight.shape[0], weight.shape[1])
        guard TileProduct.isUsed else {
            return MatrixProduct.onAllThreads(
                rows: rows, columns: inputs, inner: outputs, x.matrix(stride: outputs),
                roundedWeight(weight).matrix(stride: inputs), beta: beta, into: c, stride: inputs)
        }
        let factor = TileFactor(
            columns: inputs, inner: outputs, TileSource(right: Matrix(weight.pointer, stride: inputs)))
        TileProduct.onAllThreads(
            rows: rows, TileSource(left: x.matrix(stride: outputs)), factor,
            .accumulate(c, stride: inputs, beta: beta))
    }

    static func multiply(
        rows: Int, columns: Int, inner: Int, _ a: Matrix<BFloat16>, _ b: Matrix<BFloat16>,
        bias: UnsafePointer<Float>?, roundedInto c: UnsafeMutablePointer<BFloat16>
    ) {
        if TileProduct.isUsed {
            return TileProduct.onAllThreads(
                rows: rows, TileSource(left: a),
                TileFactor(columns: columns, inner: inner, TileSource(right: b)),
                .round(c, stride: columns, bias: bias))
        }
        // oneDNN accumulates in scratch memory of the size of a band.
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

    /// Computes c = x W^T + bias on all threads, rounded to bf16.
    ///
    /// - Parameters:
    ///   - x: [rows, in].
    ///   - weight: [out, in].
    ///   - bias: [out], or none.
    ///   - quantizes: whether the matmul may be in int8.
    ///   - c: [rows, out].
    static func roundedProduct(
        rows: Int, _ x: Rounded<BFloat16>, byWeight weight: Tensor, bias: Tensor?, quantizes: Bool = true,
        into c: UnsafeMutablePointer<BFloat16>
    ) {
        let (outputs, inputs) = (weight.shape[0], weight.shape[1])
        if let factor = tiles(of: weight, quantizes: quantizes) {
            return TileProduct.onAllThreads(
                rows: rows, TileSource(left: x.matrix(stride: inputs)), factor,
                .round(c, stride: outputs, bias: bias?.pointer))
        }
        guard let packed = PackedWeight.of(weight) else {
            return multiply(
                rows: rows, columns: outputs, inner: inputs, x.matrix(stride: inputs),
                roundedWeight(weight).matrix(stride: inputs, transposed: true), bias: bias?.pointer, roundedInto: c)
        }
        packed.forEachPanel(rows: rows, results: 1) { rows, panel, columns, room in
            packed.multiply(
                rows: rows, panel: panel, x.pointer, bias: bias?.pointer, into: room, stride: columns.count)
            roundRows(room, rows: rows, columns: columns, into: c, stride: outputs)
        }
    }

    /// silu(x W1^T) * (x W3^T), computed on all threads and rounded to bf16, without float32 matrices in between.
    ///
    /// - Parameters:
    ///   - x: [rows, in].
    ///   - gates: W1 and W3, [out, in] each.
    /// - Returns: [rows, out].
    static func gatedProduct(rows: Int, _ x: Rounded<BFloat16>, _ gates: PackedGates) -> Rounded<BFloat16> {
        let outputs = gates.outputs
        let storage = RoundedStorage(count: rows * outputs)
        if let (gate, value) = gates.tiles {
            TileProduct.onAllThreads(
                rows: rows, TileSource(left: x.matrix(stride: gate.inner)), gate, second: value,
                .gate(storage.pointer, stride: outputs))
            return storage.elements
        }
        gates.gate.forEachPanel(rows: rows, first: outputs, results: 3) { rows, panel, columns, room in
            let count = rows.count * columns.count
            for (place, (factor, panel)) in gates.factors(ofPanel: panel).enumerated() {
                factor.multiply(
                    rows: rows, panel: panel, x.pointer, bias: nil, into: room + place * count, stride: columns.count)
            }
            pn_silu_gate_forward(count, room, room + count, room + 2 * count)
            roundRows(room + 2 * count, rows: rows, columns: columns, into: storage.pointer, stride: outputs)
        }
        return storage.elements
    }

    /// Rounds [rows, columns] to bf16 into a block of the matrix c.
    private static func roundRows(
        _ x: UnsafePointer<Float>, rows: Range<Int>, columns: Range<Int>, into c: UnsafeMutablePointer<BFloat16>,
        stride: Int
    ) {
        for (place, row) in rows.enumerated() {
            pn_round_to_bfloat16(columns.count, x + place * columns.count, c + row * stride + columns.lowerBound)
        }
    }
}
