import PixNerdTensors

/// Finds the images that are nearest by the Euclidean distance of a network's features.
///
/// Networks see an image and its mirror image differently. The images whose neighbours are sought are mirrored, and not
/// those that they are compared with, of which there are more.
struct NearestFeatures {
    private let direct: FeatureRows
    private let mirrored: FeatureRows
    private(set) var found: NearestTwo
    private var compared = 0
    private static let rowsAtOnce = 1024

    /// - Parameters:
    ///   - features: features of the images, [N, d].
    ///   - mirrored: features of the mirrored images, [N, d].
    init(_ features: Tensor, mirrored: Tensor) {
        precondition(features.shape == mirrored.shape, "NearestFeatures: \(features.shape) and \(mirrored.shape)")
        // Distances do not change with the origin, but rounding errors grow with the distance from it.
        let origin = features.withUnsafeBuffer { $0.prefix(features.shape[1]).map { Double($0) } }
        (direct, self.mirrored) = (FeatureRows(features, origin), FeatureRows(mirrored, origin))
        found = NearestTwo(count: features.shape[0])
        self.origin = origin
    }

    private let origin: [Double]

    /// Compares more images, by their features [n, d].
    mutating func add(_ features: Tensor) {
        let others = FeatureRows(features, origin)
        for start in stride(from: 0, to: direct.count, by: Self.rowsAtOnce) {
            let rows = start..<min(start + Self.rowsAtOnce, direct.count)
            found.add(
                direct: direct.distances(of: rows, to: others), mirrored: mirrored.distances(of: rows, to: others),
                of: rows, first: compared)
        }
        compared += features.shape[0]
    }
}

/// Features in double precision, relative to an origin.
private struct FeatureRows {
    private let rows: DoubleMatrix
    private let squares: [Double]

    init(_ features: Tensor, _ origin: [Double]) {
        var rows = doubleRows(Array(0..<features.shape[0]), of: features)
        let width = rows.columns
        for at in rows.values.indices { rows.values[at] -= origin[at % width] }
        self.rows = rows
        squares = (0..<rows.rows).map { row in
            rows.values[row * width..<(row + 1) * width].reduce(0) { $0 + $1 * $1 }
        }
    }

    var count: Int { rows.rows }

    /// Squared distances of some rows to all rows of others.
    func distances(of range: Range<Int>, to others: FeatureRows) -> [Double] {
        let own = DoubleMatrix(
            rows: range.count, columns: rows.columns,
            values: Array(rows.values[range.lowerBound * rows.columns..<range.upperBound * rows.columns]))
        var products = DoubleMatrix.product(own, others.rows, transposingSecond: true).values
        for row in 0..<range.count {
            for column in 0..<others.count {
                let at = row * others.count + column
                // Rounding may bring the distance of equal features below 0.
                products[at] = max(0, squares[range.lowerBound + row] + others.squares[column] - 2 * products[at])
            }
        }
        return products
    }
}
