import CPixNerdBLAS
import PixNerdTensors

/// A dense, row-major double-precision matrix for statistics, with matrix multiplication and eigenvalues by OpenBLAS.
package struct DoubleMatrix: Sendable, Equatable {
    package let rows: Int
    package let columns: Int
    package var values: [Double]

    /// - Precondition: `values` has rows x columns elements.
    package init(rows: Int, columns: Int, values: [Double]) {
        precondition(
            rows >= 0 && columns >= 0 && values.count == rows * columns,
            "DoubleMatrix: \(values.count) values for \(rows) x \(columns)")
        (self.rows, self.columns, self.values) = (rows, columns, values)
    }

    package init(zeros rows: Int, _ columns: Int) {
        self.init(rows: rows, columns: columns, values: [Double](repeating: 0, count: rows * columns))
    }

    package subscript(row: Int, column: Int) -> Double {
        get { values[row * columns + column] }
        set { values[row * columns + column] = newValue }
    }

    /// Sum of the diagonal elements.
    package var trace: Double { (0..<min(rows, columns)).reduce(0) { $0 + self[$1, $1] } }

    /// The matrix product a b, or a b^T.
    package static func product(_ a: DoubleMatrix, _ b: DoubleMatrix, transposingSecond: Bool = false) -> DoubleMatrix {
        let (inner, columns) = transposingSecond ? (b.columns, b.rows) : (b.rows, b.columns)
        precondition(
            a.columns == inner,
            "product: \(a.rows) x \(a.columns) and \(inner) x \(columns) do not fit")
        var result = DoubleMatrix(zeros: a.rows, columns)
        guard !result.values.isEmpty, inner > 0 else { return result }
        _ = MatrixLibrary.isReady
        result.values.withUnsafeMutableBufferPointer { target in
            // Sound: each thread writes to its own rows.
            nonisolated(unsafe) let target = target
            parallelChunks(a.rows, of: band(a.rows)) { rows in
                a.values.withUnsafeBufferPointer { values in
                    pn_blas_dgemm(
                        false, transposingSecond, Int64(rows.count), Int64(columns), Int64(inner),
                        values.baseAddress! + rows.lowerBound * a.columns, Int64(a.columns), b.values,
                        Int64(b.columns), false, target.baseAddress! + rows.lowerBound * columns, Int64(columns))
                }
            }
        }
        return result
    }

    /// Adds x^T x to the upper triangle of a square matrix; elements below the diagonal are left undefined.
    ///
    /// - Parameter x: [n, columns], row by row.
    package mutating func addOuterProducts(_ x: [Double]) {
        precondition(
            rows == columns && x.count % max(columns, 1) == 0, "addOuterProducts: \(x.count) for \(rows) x \(columns)")
        guard !x.isEmpty else { return }
        let (count, width) = (x.count / columns, columns)
        _ = MatrixLibrary.isReady
        values.withUnsafeMutableBufferPointer { target in
            // Sound: each thread writes to its own rows. There are more bands than threads because the first are the
            // longest.
            nonisolated(unsafe) let target = target
            parallelChunks(width, of: max(Self.band(width) / 4, 32)) { band in
                let (first, diagonal) = (band.lowerBound, band.lowerBound * width + band.lowerBound)
                x.withUnsafeBufferPointer { x in
                    pn_blas_dgemm(
                        true, false, Int64(band.count), Int64(width - first), Int64(count), x.baseAddress! + first,
                        Int64(width), x.baseAddress! + first, Int64(width), true, target.baseAddress! + diagonal,
                        Int64(width))
                }
            }
        }
    }

    /// Rows per thread.
    private static func band(_ rows: Int) -> Int { max(1, (rows + Threads.count - 1) / Threads.count) }

    /// Copies the upper triangle of a square matrix to the lower one.
    package mutating func mirrorUpperTriangle() {
        precondition(rows == columns, "mirrorUpperTriangle: \(rows) x \(columns) is not square")
        let width = columns
        values.withUnsafeMutableBufferPointer { values in
            for row in 1..<max(width, 1) {
                for column in 0..<row { values[row * width + column] = values[column * width + row] }
            }
        }
    }

    /// Eigenvalues of a symmetric matrix in ascending order, and on request unit eigenvectors as rows.
    ///
    /// - Returns: nil if the matrix is not finite or LAPACK does not converge.
    package func symmetricEigen(vectors: Bool) -> (values: [Double], vectors: DoubleMatrix?)? {
        precondition(rows == columns, "symmetricEigen: \(rows) x \(columns) is not square")
        guard rows > 0 else { return ([], vectors ? self : nil) }
        guard values.allSatisfy(\.isFinite) else { return nil }
        var matrix = self
        var eigenvalues = [Double](repeating: 0, count: rows)
        _ = MatrixLibrary.isReady
        let hasConverged = pn_blas_eigen(Int64(rows), &matrix.values, &eigenvalues, vectors)
        return hasConverged ? (eigenvalues, vectors ? matrix : nil) : nil
    }
}

/// The product of a [rows, inner] and b [inner, columns], computed on the calling thread; for many small products in
/// parallel.
package func productOnThisThread(
    _ a: [Double], _ b: [Double], _ rows: Int, _ inner: Int, _ columns: Int
) -> [Double] {
    precondition(a.count == rows * inner && b.count == inner * columns, "productOnThisThread: sizes do not fit")
    _ = MatrixLibrary.isReady
    return [Double](unsafeUninitializedCapacity: rows * columns) { result, count in
        pn_blas_dgemm(
            false, false, Int64(rows), Int64(columns), Int64(inner), a, Int64(inner), b, Int64(columns), false,
            result.baseAddress!, Int64(columns))
        count = rows * columns
    }
}
