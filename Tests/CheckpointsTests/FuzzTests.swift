import Checkpoints
import Foundation
import TestSupport
import Testing

/// Damaged files: whatever is done to them, they are read or refused in one sentence, quickly and in little memory.
///
/// `PIXNERD_FUZZ=100000 swift test -c release --filter Fuzz` tries as many of each kind.
@Suite(.serialized) struct FuzzTests {
    private static let count = ProcessInfo.processInfo.environment["PIXNERD_FUZZ"].flatMap { Int($0) } ?? 2000
    /// What the process may take more at its peak, in bytes: the largest repeated tensor, twice, and some.
    private static let memory = 600 << 20

    /// Changes files `count` times and reads them.
    private func fuzz(_ name: String, _ files: [[UInt8]], _ change: ([UInt8], inout Mutator) -> [UInt8]) throws {
        var mutator = Mutator(seed: 20_240_917)
        var (read, refused) = (0, 0)
        let before = try peakMemory()
        try withScratchDirectory { directory in
            for index in 0..<Self.count {
                switch try Reading.of(change(files[index % files.count], &mutator), as: name, in: directory) {
                case .file: read += 1
                case .refused: refused += 1
                }
            }
        }
        #expect(refused > 0)
        #expect(read + refused == Self.count)
        let grown = try peakMemory() - before
        #expect(grown < Self.memory)
        if Self.count > 2000 {
            print(
                "\(name): \(read) read, \(refused) refused, \(grown >> 20) MiB more at the peak"
            )
        }
    }

    @Test func damagedSafetensors() throws {
        let files = try ["torch/types.pt.expected.safetensors", "torch/strided.pt.expected.safetensors"].map {
            try fixtureBytes($0)
        }
        try fuzz("fuzz.safetensors", files) { file, mutator in
            // The header is where the decisions are.
            let header = 8 + file[0..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
            var head = mutator.changed(Array(file[..<header]))
            if mutator.next(4) > 0, head.count >= 8 {
                head.replaceSubrange(0..<8, with: TorchArchive.little(head.count - 8, 8))
            }
            return head + file[header...]
        }
    }

    @Test func damagedPickles() throws {
        let files = try [
            "plain.pt", "plain-protocol4.pth", "strided.pt", "types.pt", "unread-types.pt", "parameters.pt",
            "malicious-beside-weights.pt",
        ].map { try fixtureBytes("torch/\($0)") }
        let archives = files.map { TorchArchive(reading: $0) }
        try fuzz("fuzz-pickle.pt", archives.indices.map { [UInt8($0)] }) { index, mutator in
            var archive = archives[Int(index[0])]
            archive.pickle = mutator.changed(archive.pickle)
            return archive.bytes
        }
    }

    @Test func damagedZipFiles() throws {
        let files = try ["plain.pt", "deflated.pt", "zip64.pt", "buffer.pt", "types.pt"].map {
            try fixtureBytes("torch/\($0)")
        }
        try fuzz("fuzz-zip.pt", files) { file, mutator in mutator.changed(file) }
    }

}

/// The largest memory that this program had so far, in bytes. (`getrusage` would count the one that started it.)
private func peakMemory() throws -> Int {
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
    return try #require(Int(line.filter(\.isNumber))) << 10
}

/// Damages bytes, the same way for the same seed.
struct Mutator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    /// SplitMix64.
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    /// A number from 0 below `bound`.
    mutating func next(_ bound: Int) -> Int { Int(next() % UInt64(max(bound, 1))) }

    /// Numbers at which lengths and offsets go wrong.
    private static let extremes: [Int] = [
        0, 1, -1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0xffff_ffff, 1 << 32, 1 << 62, Int.max, Int.min,
    ]
    /// Instructions of the pickle machine.
    private static let instructions = Array("(.012BCGJKMNQRTUX]abcdehijloqrstu})".utf8) + Array(UInt8(0x80)...0x98)

    /// One to eight changes.
    mutating func changed(_ original: [UInt8]) -> [UInt8] {
        var bytes = original
        for _ in 0...next(8) where !bytes.isEmpty {
            let place = next(bytes.count)
            let length = min(1 + next(16), bytes.count - place)
            switch next(9) {
            case 0: bytes[place] ^= 1 << UInt8(next(8))
            case 1: bytes[place] = UInt8(next(256))
            case 2: bytes[place] = Self.instructions[next(Self.instructions.count)]
            case 3: bytes.removeSubrange(place..<place + length)
            case 4: bytes.insert(contentsOf: (0..<length).map { _ in UInt8(next(256)) }, at: place)
            case 5:
                let instruction = Self.instructions[next(Self.instructions.count)]
                bytes.insert(contentsOf: [UInt8](repeating: instruction, count: 1 + next(64)), at: place)
            case 6: bytes.insert(contentsOf: bytes[place..<place + length], at: next(bytes.count))
            case 7:
                let number = TorchArchive.little(Self.extremes[next(Self.extremes.count)], [2, 4, 8][next(3)])
                for (offset, byte) in number.enumerated() where place + offset < bytes.count {
                    bytes[place + offset] = byte
                }
            default: bytes[place] = UInt8(ascii: "0") + UInt8(next(10))
            }
        }
        return bytes
    }
}
