import PixNerdDiffusion
import PixNerdLayers
import PixNerdTensors

/// Where the rows of a table of classes come from, for a model that begins as one of other classes.
public struct ClassRows: Sendable, Equatable {
    /// For each class its row in the table of the other model; nil for a new class.
    public let taken: [Int?]
    /// The class of the other model that new ones begin as; nil for the mean of all its classes.
    public let like: Int?

    public init(taken: [Int?], like: Int?) { (self.taken, self.like) = (taken, like) }

    /// The table of the classes.
    ///
    /// - Parameter other: [K + 1, D]; the last row stands for no class, and stays the last.
    /// - Returns: [classes + 1, D].
    func table(of other: Tensor) -> Tensor {
        let none = other.shape[0] - 1
        let new: Tensor
        if let like {
            new = other.rows(like..<like + 1)
        } else {
            var mean = [Float](repeating: 0, count: other.shape[1])
            for row in 0..<none {
                for (column, value) in other.rows(row..<row + 1).values.enumerated() { mean[column] += value }
            }
            new = Tensor(mean.map { $0 / Float(none) }, shape: [1, other.shape[1]])
        }
        return Tensor.concatenated(
            taken.map { $0.map { other.rows($0..<$0 + 1) } ?? new } + [other.rows(none..<none + 1)])
    }
}

extension PixNerd {
    /// Name of the table of classes.
    static let classTableName = "y_embedder.embedding_table.weight"

    /// A model that begins as one of other classes, whose sizes it has otherwise.
    ///
    /// - Precondition: the classes of `rows` are those of `architecture`.
    convenience init(
        _ architecture: PixNerdArchitecture, beginningAs other: PixNerd, _ rows: ClassRows, recomputesBlocks: Bool
    ) {
        precondition(rows.taken.count == architecture.classes, "PixNerd: rows of \(rows.taken.count) classes")
        self.init(architecture, seed: 0, recomputesBlocks: recomputesBlocks)
        let known = Dictionary(uniqueKeysWithValues: other.parameters.map { ($0.name, $0.value) })
        for parameter in parameters {
            let value = known[parameter.name]!
            parameter.modify { $0 = parameter.name == Self.classTableName ? rows.table(of: value) : value }
        }
    }
}
