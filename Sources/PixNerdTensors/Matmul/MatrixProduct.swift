/// A matrix as an input of a matmul: rows x columns after the transposition. Its rows before the transposition are
/// `stride` elements apart.
struct Matrix<Element: ProductFactor> {
    let pointer: UnsafePointer<Element>
    let stride: Int
    let transposed: Bool

    init(_ pointer: UnsafePointer<Element>, stride: Int, transposed: Bool = false) {
        self.pointer = pointer
        self.stride = stride
        self.transposed = transposed
    }

    /// The part of the matrix from row `row` on, counted after the transposition.
    func from(row: Int) -> Matrix {
        Matrix(pointer + (transposed ? row : row * stride), stride: stride, transposed: transposed)
    }

    /// The part of the matrix from column `column` on, counted after the transposition.
    func from(column: Int) -> Matrix {
        Matrix(pointer + (transposed ? column * stride : column), stride: stride, transposed: transposed)
    }
}

/// Matmuls: in float32 with OpenBLAS or, for some sizes, oneDNN; in bf16 over tiles or with oneDNN. (`PackedWeight` is for
/// weights that need no gradient.)
enum MatrixProduct {
    /// Computes c[rows, columns] = a b + beta c on the calling thread. Beta is 0 or 1.
    ///
    /// - Parameter bias: [columns], added to each row if beta is 0.
    static func onThisThread<Element: ProductFactor>(
        rows: Int, columns: Int, inner: Int, _ a: Matrix<Element>, _ b: Matrix<Element>,
        bias: UnsafePointer<Float>? = nil, beta: Float, into c: UnsafeMutablePointer<Float>, stride: Int
    ) {
        OperatorProfile.count(multiplyAdds: rows * columns * inner)
        let shape = ProductShape(
            rows: rows, columns: columns, inner: inner, aStride: a.stride, aIsTransposed: a.transposed,
            bStride: b.stride, bIsTransposed: b.transposed, cStride: stride, accumulates: beta != 0)
        Element.multiply(shape, a.pointer, b.pointer, bias: bias, into: c)
    }

    /// Computes c[rows, columns] = a b + beta c on all threads, each of which takes a band of the longer side. Beta is
    /// 0 or 1.
    ///
    /// - Parameters:
    ///   - bias: [columns], added to each row if beta is 0.
    ///   - prepare: called by a thread before it computes a band, to write the values that the matmul is added to.
    static func onAllThreads<Element: ProductFactor>(
        rows: Int, columns: Int, inner: Int, _ a: Matrix<Element>, _ b: Matrix<Element>,
        bias: UnsafePointer<Float>? = nil, beta: Float, into c: UnsafeMutablePointer<Float>, stride: Int,
        prepare: ((_ rows: Range<Int>, _ columns: Range<Int>) -> Void)? = nil
    ) {
        if Element.self == BFloat16.self, TileProduct.isUsed {
            // With a bias beta is 0.
            return TileProduct.onAllThreads(
                rows: rows, TileSource(left: a), TileFactor(columns: columns, inner: inner, TileSource(right: b)),
                beta == 0 ? .set(c, stride: stride, bias: bias) : .accumulate(c, stride: stride, beta: beta),
                prepare: prepare)
        }
        forEachBand(rows: rows, columns: columns) { rows, columns in
            prepare?(rows, columns)
            onThisThread(
                rows: rows.count, columns: columns.count, inner: inner, a.from(row: rows.lowerBound),
                b.from(column: columns.lowerBound), bias: bias.map { $0 + columns.lowerBound }, beta: beta,
                into: c + rows.lowerBound * stride + columns.lowerBound, stride: stride)
        }
    }

    /// Runs `body` for bands of the longer side, on all threads.
    ///
    /// - Parameter longest: the approximate maximum length of a band.
    static func forEachBand(
        rows: Int, columns: Int, longest: Int = .max, _ body: (_ rows: Range<Int>, _ columns: Range<Int>) -> Void
    ) {
        let byRows = rows >= columns
        let length = byRows ? rows : columns
        // Bands are multiples of 32, which the register tile of every kernel divides.
        let threads = max(1, min(Threads.count, length / 32))
        let share = (length + threads - 1) / threads
        // Equally many bands per thread, each at most about `longest`.
        let bands = threads * ((share - 1) / longest + 1)
        let band = ((length + bands - 1) / bands + 31) / 32 * 32
        parallelChunks(length, of: band) { body(byRows ? $0 : 0..<rows, byRows ? 0..<columns : $0) }
    }
}
