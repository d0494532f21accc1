import PixNerdDistributed
import PixNerdTensors

/// Joins at rank 0 what processes hold pieces of, one parameter at a time, so that rank 0 never has all of it.
///
/// Rank 0 asks for what it likes, and `end`s; meanwhile the others `serve`.
public final class PieceCollector {
    private let exchange: GradientExchange
    private let sets: [[Tensor]]
    private static let noSet = -1

    /// - Parameter sets: of each set, such as first moments, one tensor for each piece of this process: of all parameters,
    ///   or of the first ones.
    public init(_ exchange: GradientExchange, sets: [[Tensor]]) { (self.exchange, self.sets) = (exchange, sets) }

    private var communicator: Communicator { exchange.communicator }

    /// On rank 0: the whole tensor of a parameter in a set, of a given shape.
    public func tensor(set: Int, parameter: Int, shape: [Int]) -> Tensor {
        _ = ask([set, parameter])
        var whole = Tensor(uninitialized: shape)
        whole.withUnsafeMutableBuffer { buffer in
            for rank in 0..<communicator.size {
                let pieces = exchange.layout.pieces(of: rank, parameter: parameter)
                for (place, piece) in pieces.enumerated() {
                    let target = UnsafeMutableRawBufferPointer(
                        UnsafeMutableBufferPointer(rebasing: buffer[piece.range]))
                    if rank == communicator.rank {
                        own(set, parameter)[place].withUnsafeBuffer {
                            target.copyMemory(from: UnsafeRawBufferPointer($0))
                        }
                    } else {
                        communicator.receive(target, from: rank)
                    }
                }
            }
        }
        return whole
    }

    /// On rank 0: lets the others go on.
    public func end() { _ = ask([Self.noSet, 0]) }

    /// On the others: gives what rank 0 asks for until it ends.
    public func serve() {
        while true {
            let request = ask([0, 0])
            guard request[0] != Self.noSet else { return }
            for piece in own(request[0], request[1]) {
                piece.withUnsafeBuffer { communicator.send(UnsafeRawBufferPointer($0), to: 0) }
            }
        }
    }

    private func ask(_ request: [Int]) -> [Int] {
        var request = request
        request.withUnsafeMutableBytes { communicator.broadcast($0) }
        return request
    }

    /// This process's pieces of a parameter in a set.
    private func own(_ set: Int, _ parameter: Int) -> [Tensor] {
        zip(exchange.pieces, sets[set]).filter { $0.0.parameter == parameter }.map { $0.1 }
    }
}

extension GradientExchange {
    /// Brings tensors that rank 0 has to the processes that hold pieces of them.
    ///
    /// - Parameters:
    ///   - count: how many parameters, from the first on.
    ///   - tensor: of a parameter; called on rank 0 alone.
    /// - Returns: this process's pieces.
    public func spread(count: Int, _ tensor: (_ parameter: Int) throws -> Tensor) rethrows -> [Tensor] {
        try (0..<count).flatMap { place in
            let shape = parameterShape(place)
            var whole = communicator.isRoot ? try tensor(place) : Tensor(uninitialized: shape)
            whole.withUnsafeMutableBuffer { communicator.broadcast(UnsafeMutableRawBufferPointer($0)) }
            return pieces.filter { $0.parameter == place }.map { $0.copied(from: whole) }
        }
    }
}
