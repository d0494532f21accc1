import Foundation
import PixNerdTensors

/// The initial values of a parameter.
public enum Initializer: Sendable, Equatable {
    case zeros
    case ones
    /// Normal with mean 0 and this standard deviation.
    case normal(standardDeviation: Float)
    /// Uniform in -bound ... bound.
    case uniform(bound: Float)

    /// Uniform with variance 2 / (in + out) (Glorot and Bengio, AISTATS 2010).
    public static func xavierUniform(inputs: Int, outputs: Int) -> Initializer {
        .uniform(bound: (6 / Float(inputs + outputs)).squareRoot())
    }

    /// The default of `torch.nn.Linear` for weights and biases: uniform within 1 / sqrt(in).
    public static func linearDefault(inputs: Int) -> Initializer {
        .uniform(bound: 1 / Float(inputs).squareRoot())
    }

    /// A new tensor with these initial values.
    ///
    /// - Parameters:
    ///   - seed: the seed of the run.
    ///   - index: the position of the parameter in its model. Each position has its own random stream.
    func tensor(shape: [Int], seed: UInt64, index: Int) -> Tensor {
        switch self {
        case .zeros: return Tensor(zeros: shape)
        case .ones: return Tensor(repeating: 1, shape: shape)
        case .normal(let standardDeviation):
            return filled(shape, seed, index) { stream, buffer in
                stream.fillNormal(buffer)
                for i in buffer.indices { buffer[i] *= standardDeviation }
            }
        case .uniform(let bound):
            return filled(shape, seed, index) { stream, buffer in
                for i in buffer.indices { buffer[i] = bound * (2 * stream.nextUniform() - 1) }
            }
        }
    }

    private func filled(
        _ shape: [Int], _ seed: UInt64, _ index: Int,
        _ fill: (inout RandomStream, UnsafeMutableBufferPointer<Float>) -> Void
    ) -> Tensor {
        var stream = RandomStream(seed: seed, purpose: .initialization, index: index)
        var tensor = Tensor(uninitialized: shape)
        tensor.withUnsafeMutableBuffer { fill(&stream, $0) }
        return tensor
    }
}
