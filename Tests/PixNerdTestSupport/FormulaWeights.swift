import PixNerdTensors

/// Weights by the formula of `make_inception_fixtures.py`, from a tensor's name and the index in it.
public struct FormulaWeights: TensorSource {
    private let shapes: [String: [Int]]
    public let names: [String]
    public var origin: String { "formula" }

    public init(_ shapes: [(name: String, shape: [Int])]) {
        names = shapes.map(\.name)
        self.shapes = Dictionary(uniqueKeysWithValues: shapes.map { ($0.name, $0.shape) })
    }

    public func shape(of name: String) -> [Int]? { shapes[name] }

    public func tensor(_ name: String) throws -> Tensor {
        let shape = shapes[name] ?? []
        let seed = name.utf8.reduce(UInt32(0x811c_9dc5)) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
        let (factor, shift): (Float, Float)
        switch name {
        case "fc.weight": (factor, shift) = (0.05, 0)
        case _ where name.hasSuffix("conv.weight"):
            (factor, shift) = (Float((6 / Double(shape.dropFirst().reduce(1, *))).squareRoot()), 0)
        case _ where name.hasSuffix("bn.weight"): (factor, shift) = (0.2, 1)
        case _ where name.hasSuffix("running_var"): (factor, shift) = (0.5, 1)
        default: (factor, shift) = (0.1, 0)
        }
        var tensor = Tensor(uninitialized: shape)
        tensor.withUnsafeMutableBuffer { values in
            for i in values.indices {
                var h = UInt32(truncatingIfNeeded: i) &* 0x9e37_79b9 &+ seed
                h = (h ^ h >> 16) &* 0x7feb_352d
                h = (h ^ h >> 15) &* 0x846c_a68b
                h ^= h >> 16
                values[i] = shift + factor * (Float(h >> 8) * 0x1p-23 - 1)
            }
        }
        return tensor
    }
}
