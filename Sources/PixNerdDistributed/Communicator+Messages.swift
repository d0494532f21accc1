import CPixNerdMPI
import Foundation

/// Small messages between processes, beside the numbers of a model.
extension Communicator {
    /// Gathers the bytes of all processes, in the order of the ranks.
    public func gather(_ own: Data) -> [Data] {
        guard size > 1 else { return [own] }
        let lengths: [Int64] = gatherFixed([Int64(own.count)])
        let longest = Int(lengths.max() ?? 0)
        guard longest > 0 else { return lengths.map { _ in Data() } }
        let padded = own + Data(count: longest - own.count)
        let all = gatherFixed([UInt8](padded))
        return lengths.enumerated().map { rank, length in
            Data(all[rank * longest..<rank * longest + Int(length)])
        }
    }

    /// Gathers the texts of all processes, in the order of the ranks.
    public func gather(text: String) -> [String] {
        gather(Data(text.utf8)).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Gathers the numbers of all processes, in the order of the ranks. Counts may differ.
    public func gather<Number: BitwiseCopyable>(numbers: [Number]) -> [[Number]] {
        guard size > 1 else { return [numbers] }
        return gather(numbers.withUnsafeBytes { Data($0) }).map { data in
            [Number](unsafeUninitializedCapacity: data.count / MemoryLayout<Number>.stride) { buffer, count in
                count = data.copyBytes(to: buffer) / MemoryLayout<Number>.stride
            }
        }
    }

    /// Whether the argument is true on any process.
    public func any(_ own: Bool) -> Bool {
        size > 1 ? gatherFixed([own ? UInt8(1) : 0]).contains(1) : own
    }

    /// Gathers equally many numbers from each process, concatenated.
    private func gatherFixed<Number: BitwiseCopyable>(_ own: [Number]) -> [Number] {
        [Number](unsafeUninitializedCapacity: own.count * size) { all, count in
            own.withUnsafeBytes { bytes in
                carryOut { pn_mpi_gather_bytes(bytes.baseAddress, all.baseAddress, Int32(bytes.count)) }
            }
            count = own.count * size
        }
    }

    /// Sends bytes of rank 0 to every process.
    ///
    /// - Parameter own: returns the bytes. It is called on rank 0 only.
    public func broadcast(_ own: () -> Data) -> Data {
        guard size > 1 else { return own() }
        var data = isRoot ? own() : Data()
        var length = Int64(data.count)
        withUnsafeMutableBytes(of: &length) { broadcast($0) }
        if !isRoot { data = Data(count: Int(length)) }
        data.withUnsafeMutableBytes { broadcast($0) }
        return data
    }

    /// Sends the bytes of one process to every process, in place.
    public func broadcast(_ bytes: UnsafeMutableRawBufferPointer, from root: Int = 0) {
        guard size > 1 else { return }
        carryOutInParts(of: bytes.count) { pn_mpi_broadcast(bytes.baseAddress! + $0, $1, Int32(root)) }
    }

    /// Sends bytes to one process, which must receive as many. Not collective.
    public func send(_ bytes: UnsafeRawBufferPointer, to target: Int) {
        carryOutInParts(of: bytes.count) { pn_mpi_send(bytes.baseAddress! + $0, $1, Int32(target)) }
    }

    /// Receives bytes from one process, which must send as many. Not collective.
    public func receive(_ bytes: UnsafeMutableRawBufferPointer, from source: Int) {
        carryOutInParts(of: bytes.count) { pn_mpi_receive(bytes.baseAddress! + $0, $1, Int32(source)) }
    }

    /// Runs an operation on bytes part by part, because MPI counts in 32 bits.
    private func carryOutInParts(of count: Int, _ start: (_ offset: Int, _ count: Int32) -> pn_mpi_operation?) {
        for offset in stride(from: 0, to: count, by: 1 << 30) {
            carryOut { start(offset, Int32(min(1 << 30, count - offset))) }
        }
    }
}
