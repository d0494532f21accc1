/// The weighted sum of stored averages that is nearest to an average of another length, by least squares over their
/// profiles (Karras et al., EDM2, arXiv 2312.02696, section 3.2).
public struct ProfileReconstruction: Sendable {
    /// One weight for each stored average, in their order. They sum to 1 and may be negative.
    public let weights: [Double]
    /// Distance between the profile of the sum and the wanted one, relative to the norm of the wanted one.
    public let error: Double

    /// Sum of the absolute weights: the factor by which errors of the stored averages may be magnified, at least 1.
    public var magnification: Double { weights.reduce(0) { $0 + abs($1) } }

    /// Share of a profile, squared, that must be new for an average to be used. What is left of the others is rounding.
    private static let newShare = 1e-11

    /// - Parameter stored: at least one profile, none with more updates than `wanted`.
    public init(of wanted: PowerProfile, from stored: [PowerProfile]) {
        precondition(
            !stored.isEmpty && stored.allSatisfy { $0.updates <= wanted.updates },
            "ProfileReconstruction: the stored averages must be earlier than the wanted one")
        // Profiles are scaled to norm 1.
        let norms = stored.map { $0.product($0).squareRoot() }
        let norm = wanted.product(wanted).squareRoot()
        func product(_ i: Int, _ j: Int) -> Double { stored[i].product(stored[j]) / norms[i] / norms[j] }
        let wantedProducts = stored.indices.map { stored[$0].product(wanted) / norms[$0] / norm }

        let (order, factor) = Self.factorized(count: stored.count, product)
        var solution = order.map { wantedProducts[$0] }
        for row in order.indices {
            for column in 0..<row { solution[row] -= factor[row][column] * solution[column] }
            solution[row] /= factor[row][row]
        }
        for row in order.indices.reversed() {
            for below in row + 1..<order.count { solution[row] -= factor[below][row] * solution[below] }
            solution[row] /= factor[row][row]
        }
        var weights = [Double](repeating: 0, count: stored.count)
        for (row, place) in order.enumerated() { weights[place] = solution[row] * norm / norms[place] }
        let sum = weights.reduce(0, +)
        weights = weights.map { $0 / sum }

        let scaled = stored.indices.map { weights[$0] * norms[$0] / norm }
        var square = 1.0
        for i in stored.indices where scaled[i] != 0 {
            square -= 2 * scaled[i] * wantedProducts[i]
            for j in stored.indices { square += scaled[i] * scaled[j] * product(i, j) }
        }
        (self.weights, error) = (weights, max(square, 0).squareRoot())
    }

    /// The Cholesky factor of the matrix of products, with the largest pivot first. Averages that the earlier ones
    /// already contain up to rounding, such as two of almost the same step, are left out.
    ///
    /// - Returns: indices of the averages that are used, and the rows of the factor in this order.
    private static func factorized(
        count: Int, _ product: (Int, Int) -> Double
    ) -> (order: [Int], factor: [[Double]]) {
        var rest = [Double](repeating: 1, count: count)
        var columns = [[Double]](repeating: [], count: count)
        var order: [Int] = []
        while let next = rest.indices.max(by: { rest[$0] < rest[$1] }), rest[next] > newShare {
            let pivot = rest[next].squareRoot()
            let known = columns[next]
            for place in rest.indices where rest[place] > newShare && place != next {
                let shared = zip(known, columns[place]).reduce(0) { $0 + $1.0 * $1.1 }
                let entry = (product(next, place) - shared) / pivot
                columns[place].append(entry)
                rest[place] -= entry * entry
            }
            columns[next].append(pivot)
            // Done.
            rest[next] = 0
            order.append(next)
        }
        return (order, order.map { columns[$0] })
    }
}
