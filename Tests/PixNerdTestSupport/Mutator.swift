import Foundation
import Testing

/// Number of changes that the tests of damaged files try: 2000, or the value of `PIXNERD_FUZZ`.
public let fuzzCount = ProcessInfo.processInfo.environment["PIXNERD_FUZZ"].flatMap { Int($0) } ?? 2000

/// Peak memory of this program in bytes. (`getrusage` would include the parent's.)
public func peakMemory() throws -> Int {
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
    return try #require(Int(line.filter(\.isNumber))) << 10
}

/// Damages bytes, the same way for the same seed.
public struct Mutator: RandomNumberGenerator {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    /// SplitMix64.
    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    /// A number from 0 below `bound`.
    public mutating func next(_ bound: Int) -> Int { Int(next() % UInt64(max(bound, 1))) }

    /// Numbers that are likely to break lengths and offsets.
    private static let extremes: [Int] = [
        0, 1, -1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0xffff_ffff, 1 << 32, 1 << 62, Int.max, Int.min,
    ]
    /// Instructions of the pickle machine.
    private static let instructions = Array("(.012BCGJKMNQRTUX]abcdehijloqrstu})".utf8) + Array(UInt8(0x80)...0x98)

    /// One to eight changes.
    public mutating func changed(_ original: [UInt8]) -> [UInt8] {
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
                // Pickles and zip files begin numbers with the low byte, pictures with the high one.
                let number = Self.extremes[next(Self.extremes.count)]
                let (width, isReversed) = ([2, 4, 8][next(3)], next(2) == 1)
                for offset in 0..<min(width, bytes.count - place) {
                    let shift = 8 * (isReversed ? width - 1 - offset : offset)
                    bytes[place + offset] = UInt8(truncatingIfNeeded: number >> shift)
                }
            default: bytes[place] = UInt8(ascii: "0") + UInt8(next(10))
            }
        }
        return bytes
    }
}
