import PixNerdTensors

/// Some rows of a stored matrix that another program has as a matrix of its own, or a whole stored matrix.
public struct LayerPart: Sendable, Equatable {
    /// The name of the stored tensor.
    public let tensor: String
    /// The first of the rows.
    public let first: Int
    /// Number of rows.
    public let count: Int
}

/// The matrices of a checkpoint under all names that adapters may call them by.
struct LayerNames {
    private let parts: [String: [LayerPart]]
    /// The parts of `parts` under names with underscores in the place of dots.
    private let underscored: [String: [LayerPart]]

    private static let ending = ".weight"

    /// - Parameter others: names besides the stored ones, without `.weight`.
    init(_ source: any TensorSource, others: [String: [LayerPart]]) {
        var parts = others
        for name in source.names where name.hasSuffix(Self.ending) && !name.hasSuffix("embedding_table.weight") {
            guard let shape = source.shape(of: name), shape.count == 2 || shape.count == 4 else { continue }
            parts[String(name.dropLast(Self.ending.count))] = [LayerPart(tensor: name, first: 0, count: shape[0])]
        }
        self.parts = parts
        underscored = Dictionary(
            parts.map { ($0.key.replacing(".", with: "_"), $0.value) }, uniquingKeysWith: { one, _ in one })
    }

    /// The stored rows of a layer, in the order of its outputs; nil if there is none of the name.
    func parts(of layer: String, hasUnderscores: Bool) -> [LayerPart]? {
        (hasUnderscores ? underscored : parts)[layer]
    }
}
