import COpenBLAS
import Synchronization

/// A matrix for a product: rows x columns after the transposition, rows (before it) `stride` floats apart.
struct Matrix {
    let pointer: UnsafePointer<Float>
    let stride: Int
    let transposed: Bool

    init(_ pointer: UnsafePointer<Float>, stride: Int, transposed: Bool = false) {
        self.pointer = pointer
        self.stride = stride
        self.transposed = transposed
    }

    /// The same matrix from row `row` on (a row after the transposition).
    func from(row: Int) -> Matrix {
        Matrix(pointer + (transposed ? row : row * stride), stride: stride, transposed: transposed)
    }

    /// The same matrix from column `column` on (a column after the transposition).
    func from(column: Int) -> Matrix {
        Matrix(pointer + (transposed ? column * stride : column), stride: stride, transposed: transposed)
    }
}

/// Products over OpenBLAS.
enum MatrixProduct {
    /// c[rows, columns] = scale a b + beta c on the calling thread.
    static func onThisThread(
        rows: Int, columns: Int, inner: Int, scale: Float = 1, _ a: Matrix, _ b: Matrix, beta: Float,
        into c: UnsafeMutablePointer<Float>, stride: Int
    ) {
        _ = Threads.oneThreadPerProduct
        OperatorProfile.count(multiplyAdds: rows * columns * inner)
        cblas_sgemm(
            CblasRowMajor, a.transposed ? CblasTrans : CblasNoTrans, b.transposed ? CblasTrans : CblasNoTrans,
            blasint(rows), blasint(columns), blasint(inner), scale, a.pointer, blasint(a.stride), b.pointer,
            blasint(b.stride), beta, c, blasint(stride))
    }

    /// c[rows, columns] = a b + beta c on all threads, each taking a band of the longer side.
    ///
    /// `prepare` and `finish` see the band that a thread has just begun or ended, to fill in a bias or to go on with
    /// what is still in its cache.
    static func onAllThreads(
        rows: Int, columns: Int, inner: Int, _ a: Matrix, _ b: Matrix, beta: Float,
        into c: UnsafeMutablePointer<Float>, stride: Int,
        prepare: ((_ rows: Range<Int>, _ columns: Range<Int>) -> Void)? = nil
    ) {
        let byRows = rows >= columns
        let length = byRows ? rows : columns
        // Bands are multiples of 32, which every kernel's register tile divides.
        let bands = max(1, min(Threads.count, length / 32))
        let band = ((length + bands - 1) / bands + 31) / 32 * 32
        parallelChunks(length, of: band) { range in
            prepare?(byRows ? range : 0..<rows, byRows ? 0..<columns : range)
            onThisThread(
                rows: byRows ? range.count : rows, columns: byRows ? columns : range.count, inner: inner,
                byRows ? a.from(row: range.lowerBound) : a, byRows ? b : b.from(column: range.lowerBound), beta: beta,
                into: c + (byRows ? range.lowerBound * stride : range.lowerBound), stride: stride)
        }
    }
}
