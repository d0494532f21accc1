import PixNerdDiffusion
import PixNerdTensors

/// Kernel distance (KID; Binkowski et al., "Demystifying MMD GANs", ICLR 2018): the squared maximum mean discrepancy
/// with the kernel (x y / d + 1)^3 and its unbiased estimator, averaged over random subsets.
public struct KernelDistance: Sendable {
    /// Mean over the subsets.
    public let mean: Double
    /// Standard deviation over the subsets.
    public let standardDeviation: Double
    /// Images per side and subset.
    public let subsetSize: Int

    /// - Parameters:
    ///   - real: features [N, d].
    ///   - generated: features [M, d].
    ///   - subsets: the number of subsets.
    ///   - subsetSize: images per side and subset, at most N and M.
    ///   - seed: determines the subsets.
    public init(real: Tensor, generated: Tensor, subsets: Int = 100, subsetSize: Int = 1000, seed: UInt64) {
        precondition(
            subsets > 0 && subsetSize > 1 && subsetSize <= min(real.shape[0], generated.shape[0]),
            "KernelDistance: \(subsets) subsets of \(subsetSize) from \(real.shape) and \(generated.shape)")
        var distances: [Double] = []
        for subset in 0..<subsets {
            var stream = RandomStream(seed: seed, purpose: .evaluation, step: 1, index: subset)
            let rows = [real, generated].map { tensor in
                stream.sample(subsetSize, of: tensor.shape[0])
            }
            distances.append(
                Self.squaredDiscrepancy(doubleRows(rows[0], of: real), doubleRows(rows[1], of: generated)))
        }
        let mean = distances.reduce(0, +) / Double(subsets)
        let squares = distances.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        self.mean = mean
        standardDeviation = (squares / Double(subsets)).squareRoot()
        self.subsetSize = subsetSize
    }

    /// Unbiased estimate of the squared discrepancy of x [n, d] and y [m, d]; it may be negative.
    package static func squaredDiscrepancy(_ x: DoubleMatrix, _ y: DoubleMatrix) -> Double {
        precondition(x.columns == y.columns && min(x.rows, y.rows) > 1, "squaredDiscrepancy: sizes do not fit")
        let (n, m) = (Double(x.rows), Double(y.rows))
        let within = { (z: DoubleMatrix, count: Double) in
            let kernel = kernelValues(z, z)
            return (sum(kernel) - (0..<z.rows).reduce(0) { $0 + kernel[$1, $1] }) / (count * (count - 1))
        }
        return within(x, n) + within(y, m) - 2 * sum(kernelValues(x, y)) / (n * m)
    }

    private static func kernelValues(_ x: DoubleMatrix, _ y: DoubleMatrix) -> DoubleMatrix {
        var kernel = DoubleMatrix.product(x, y, transposingSecond: true)
        let scale = 1 / Double(x.columns)
        kernel.values.withUnsafeMutableBufferPointer { values in
            for i in values.indices {
                let base = values[i] * scale + 1
                values[i] = base * base * base
            }
        }
        return kernel
    }

    private static func sum(_ matrix: DoubleMatrix) -> Double { matrix.values.reduce(0, +) }
}

/// Rows of a tensor [N, d] in double precision.
func doubleRows(_ rows: [Int], of tensor: Tensor) -> DoubleMatrix {
    let width = tensor.shape[1]
    var values: [Double] = []
    values.reserveCapacity(rows.count * width)
    tensor.withUnsafeBuffer { source in
        for row in rows { values += source[row * width..<(row + 1) * width].lazy.map(Double.init) }
    }
    return DoubleMatrix(rows: rows.count, columns: width, values: values)
}

extension RandomStream {
    /// `count` distinct integers in 0 ..< bound, in random order.
    mutating func sample(_ count: Int, of bound: Int) -> [Int] { Array(permutation(of: bound).prefix(count)) }
}
