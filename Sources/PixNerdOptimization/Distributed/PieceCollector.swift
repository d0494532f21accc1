import PixNerdDistributed
import PixNerdTensors

/// Gathers tensors at rank 0 whose pieces are spread over processes, one parameter at a time, so that rank 0 never
/// holds all of them.
///
/// Rank 0 requests tensors and then calls `end`. Meanwhile the other ranks run `serve`.
public final class PieceCollector {
    private let exchange: GradientExchange
    private let sets: [[Tensor]]
    private static let noSet = -1

    /// - Parameter sets: for each set, such as the first moments, one tensor per piece of this process. A set covers
    ///   all parameters or the first ones.
    public init(_ exchange: GradientExchange, sets: [[Tensor]]) { (self.exchange, self.sets) = (exchange, sets) }

    private var communicator: Communicator { exchange.communicator }

    /// Requests the whole tensor of a parameter in a set. Call it on rank 0.
    ///
    /// - Parameter shape: the shape of the result.
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

    /// Releases the other ranks from `serve`. Call it on rank 0.
    public func end() { _ = ask([Self.noSet, 0]) }

    /// Answers the requests of rank 0 until it calls `end`. Call it on the other ranks.
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

    /// Pieces of a parameter in a set that this process holds.
    private func own(_ set: Int, _ parameter: Int) -> [Tensor] {
        zip(exchange.pieces, sets[set]).filter { $0.0.parameter == parameter }.map { $0.1 }
    }
}

extension GradientExchange {
    /// Sends tensors of rank 0 to the processes that hold pieces of them.
    ///
    /// - Parameters:
    ///   - places: indices of the parameters that the tensors belong to.
    ///   - tensor: returns the tensor that belongs to one of them, by its index in `places`. It is called on rank 0
    ///     only.
    /// - Returns: the pieces of this process.
    public func spread(_ places: [Int], _ tensor: (_ index: Int) throws -> Tensor) rethrows -> [Tensor] {
        try places.enumerated().flatMap { index, place in
            let shape = parameterShape(place)
            var whole = communicator.isRoot ? try tensor(index) : Tensor(uninitialized: shape)
            whole.withUnsafeMutableBuffer { communicator.broadcast(UnsafeMutableRawBufferPointer($0)) }
            return pieces.filter { $0.parameter == place }.map { $0.copied(from: whole) }
        }
    }
}
