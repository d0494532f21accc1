import COpenBLAS

/// A dense, row-major matrix in double precision, for statistics: products and eigenvalues over OpenBLAS.
package struct DoubleMatrix: Sendable, Equatable {
    package let rows: Int
    package let columns: Int
    package var values: [Double]

    /// - Precondition: as many values as elements.
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

    /// The sum of the diagonal.
    package var trace: Double { (0..<min(rows, columns)).reduce(0) { $0 + self[$1, $1] } }

    /// a b, or a b^T.
    package static func product(_ a: DoubleMatrix, _ b: DoubleMatrix, transposingSecond: Bool = false) -> DoubleMatrix {
        let (inner, columns) = transposingSecond ? (b.columns, b.rows) : (b.rows, b.columns)
        precondition(
            a.columns == inner,
            "product: \(a.rows) x \(a.columns) and \(inner) x \(columns) do not fit")
        var result = DoubleMatrix(zeros: a.rows, columns)
        guard !result.values.isEmpty, inner > 0 else { return result }
        _ = Threads.oneThreadPerProduct
        result.values.withUnsafeMutableBufferPointer { target in
            // Sound: each thread writes rows of its own.
            nonisolated(unsafe) let target = target
            parallelChunks(a.rows, of: band(a.rows)) { rows in
                a.values.withUnsafeBufferPointer { values in
                    cblas_dgemm(
                        CblasRowMajor, CblasNoTrans, transposingSecond ? CblasTrans : CblasNoTrans,
                        blasint(rows.count), blasint(columns), blasint(inner), 1,
                        values.baseAddress! + rows.lowerBound * a.columns, blasint(a.columns), b.values,
                        blasint(b.columns), 0, target.baseAddress! + rows.lowerBound * columns, blasint(columns))
                }
            }
        }
        return result
    }

    /// Adds x^T x to the upper triangle of a square matrix; below the diagonal it may leave anything.
    ///
    /// - Parameter x: rows of this matrix's width, one after the other.
    package mutating func addOuterProducts(_ x: [Double]) {
        precondition(
            rows == columns && x.count % max(columns, 1) == 0, "addOuterProducts: \(x.count) for \(rows) x \(columns)")
        guard !x.isEmpty else { return }
        let (count, width) = (x.count / columns, columns)
        _ = Threads.oneThreadPerProduct
        values.withUnsafeMutableBufferPointer { target in
            // Sound: each thread writes rows of its own. More bands than threads, as the first are the longest.
            nonisolated(unsafe) let target = target
            parallelChunks(width, of: max(Self.band(width) / 4, 32)) { band in
                let (first, diagonal) = (band.lowerBound, band.lowerBound * width + band.lowerBound)
                x.withUnsafeBufferPointer { x in
                    cblas_dgemm(
                        CblasRowMajor, CblasTrans, CblasNoTrans, blasint(band.count), blasint(width - first),
                        blasint(count), 1, x.baseAddress! + first, blasint(width), x.baseAddress! + first,
                        blasint(width), 1, target.baseAddress! + diagonal, blasint(width))
                }
            }
        }
    }

    /// How many of `rows` a thread takes.
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

    /// The eigenvalues of a symmetric matrix, ascending, and where wanted its eigenvectors of length 1 as rows.
    ///
    /// - Returns: nil where LAPACK does not converge, which numbers that are not finite make it do.
    package func symmetricEigen(vectors: Bool) -> (values: [Double], vectors: DoubleMatrix?)? {
        precondition(rows == columns, "symmetricEigen: \(rows) x \(columns) is not square")
        guard rows > 0 else { return ([], vectors ? self : nil) }
        guard values.allSatisfy(\.isFinite) else { return nil }
        // In LAPACK's order of columns a symmetric matrix is the same, and its eigenvectors stand in our rows.
        var matrix = self
        var eigenvalues = [Double](repeating: 0, count: rows)
        var (size, status) = (blasint(rows), blasint(0))
        func call(_ work: inout [Double], _ integers: inout [blasint], count: Int, integerCount: Int) {
            var (length, integerLength) = (blasint(count), blasint(integerCount))
            dsyevd_(
                vectors ? "V" : "N", "U", &size, &matrix.values, &size, &eigenvalues, &work, &length, &integers,
                &integerLength, &status, 1, 1)
        }
        _ = Threads.oneThreadPerProduct
        // Asked with -1, it says how much memory it works best with.
        var (work, integers): ([Double], [blasint]) = ([0], [0])
        call(&work, &integers, count: -1, integerCount: -1)
        work = [Double](repeating: 0, count: Int(work[0]))
        integers = [blasint](repeating: 0, count: Int(integers[0]))
        call(&work, &integers, count: work.count, integerCount: integers.count)
        return status == 0 ? (eigenvalues, vectors ? matrix : nil) : nil
    }
}

/// a [rows, inner] b [inner, columns] on the calling thread, for many small products at once.
package func productOnThisThread(
    _ a: [Double], _ b: [Double], _ rows: Int, _ inner: Int, _ columns: Int
) -> [Double] {
    precondition(a.count == rows * inner && b.count == inner * columns, "productOnThisThread: sizes do not fit")
    _ = Threads.oneThreadPerProduct
    return [Double](unsafeUninitializedCapacity: rows * columns) { result, count in
        cblas_dgemm(
            CblasRowMajor, CblasNoTrans, CblasNoTrans, blasint(rows), blasint(columns), blasint(inner), 1, a,
            blasint(inner), b, blasint(columns), 0, result.baseAddress!, blasint(columns))
        count = rows * columns
    }
}
