import PixNerdCheckpoints
import PixNerdTensors

/// The weight [out, in] of a matmul of a text encoder.
enum EncoderWeight: Sendable {
    /// As it is stored in the file.
    case stored(StoredWeight)
    /// Kept in memory as float32.
    case widened(Tensor)

    /// - Parameter isWidened: Whether it is converted to float32 and kept.
    /// - Throws: `PixNerdError` if the file cannot be read any more.
    init(_ name: String, _ source: any StoredTensors, isWidened: Bool) throws {
        guard !isWidened, let weight = try source.elements(of: name).weight else {
            self = .widened(try source.tensor(name))
            return
        }
        self = .stored(weight)
    }

    /// - Parameter x: [..., in].
    /// - Returns: [..., out].
    func callAsFunction(_ x: Tensor) -> Tensor {
        switch self {
        case .stored(let weight): linear(x, weight: weight)
        case .widened(let weight): linear(x, weight: weight)
        }
    }
}
