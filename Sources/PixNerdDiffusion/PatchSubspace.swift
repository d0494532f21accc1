import PixNerdTensors

/// A subspace of the values of a patch: P = U U^T.
public struct PatchSubspace: Sendable {
    /// U, [C P P, rank], with orthonormal columns. Values of a patch are in the order of channels, then rows.
    public let basis: Tensor
    private let transposed: Tensor
    /// Side P of a patch.
    public let patch: Int

    public init(basis: Tensor, patch: Int) {
        precondition(
            basis.shape.count == 2 && basis.shape[0] % (patch * patch) == 0,
            "PatchSubspace: a basis \(basis.shape) does not fit patches of \(patch)")
        (self.basis, self.patch) = (basis, patch)
        let (rows, rank) = (basis.shape[0], basis.shape[1])
        let values = basis.values
        transposed = Tensor(
            (0..<rank).flatMap { column in (0..<rows).map { values[$0 * rank + column] } }, shape: [rank, rows])
    }

    public var rank: Int { basis.shape[1] }

    /// P x, patch by patch. x is [B, C, H, W].
    public func projected(_ x: Tensor) -> Tensor {
        let grid = PatchGrid(shape: x.shape, patch: patch)
        // In float32 always: what is left outside of the subspace is divided by 1 - t.
        return Precision.$current.withValue(.fp32) {
            grid.image(fromTokens: linear(linear(grid.tokens(x), weight: transposed), weight: basis))
        }
    }
}

/// The sums of products of the values of patches, from which the subspace that holds most of them follows.
public struct PatchMoments {
    private let patch: Int
    private var sums: [Double] = []
    private var side = 0

    /// - Parameter patch: side of a patch.
    public init(patch: Int) { self.patch = patch }

    /// Adds the patches of images [B, C, H, W]. No mean is subtracted.
    public mutating func add(_ images: Tensor) {
        let tokens = PatchGrid(shape: images.shape, patch: patch).tokens(images)
        let (rows, width) = (tokens.count / tokens.shape[2], tokens.shape[2])
        if sums.isEmpty { (sums, side) = ([Double](repeating: 0, count: width * width), width) }
        let values = tokens.values
        let transposed = Tensor(
            (0..<width).flatMap { column in (0..<rows).map { values[$0 * width + column] } }, shape: [width, rows])
        let products = Precision.$current.withValue(.fp32) { linear(transposed, weight: transposed) }.values
        for (place, product) in products.enumerated() { sums[place] += Double(product) }
    }

    /// The subspace of a rank that holds most of the sum of squares, by orthogonal iteration (Golub and Van Loan, Matrix
    /// Computations, section 8.2.4).
    ///
    /// - Parameter rank: at most the number of values of a patch.
    /// - Precondition: images were added.
    public func subspace(rank: Int) -> PatchSubspace {
        precondition(rank <= side, "PatchMoments: rank \(rank) of patches of \(side) values")
        var stream = RandomStream(seed: 0, purpose: .initialization)
        // Columns, one after another; more than asked for, which makes the iteration converge sooner.
        let count = min(side, rank + 8)
        var columns = (0..<count).map { _ in (0..<side).map { _ in Double(stream.nextNormalPair().0) } }
        for _ in 0..<200 { columns = Self.orthonormal(columns.map(product)) }
        let kept = columns.prefix(rank)
        return PatchSubspace(
            basis: Tensor(
                (0..<side).flatMap { row in kept.map { Float($0[row]) } }, shape: [side, rank]), patch: patch)
    }

    private func product(_ column: [Double]) -> [Double] {
        (0..<side).map { row in
            var sum = 0.0
            for place in 0..<side { sum += sums[row * side + place] * column[place] }
            return sum
        }
    }

    /// Gram-Schmidt, twice for accuracy. A column that depends on earlier ones becomes 0.
    private static func orthonormal(_ columns: [[Double]]) -> [[Double]] {
        var done: [[Double]] = []
        for column in columns {
            var column = column
            for _ in 0..<2 {
                for other in done {
                    let dot = zip(column, other).reduce(0) { $0 + $1.0 * $1.1 }
                    for place in column.indices { column[place] -= dot * other[place] }
                }
                let length = column.reduce(0) { $0 + $1 * $1 }.squareRoot()
                if length > 0 { for place in column.indices { column[place] /= length } }
            }
            done.append(column)
        }
        return done
    }
}
