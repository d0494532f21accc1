import Foundation

/// The random numbers of `torch.Generator().manual_seed(seed)` on a CPU, so that a seed gives the same image as the
/// published code.
///
/// MT19937 (Matsumoto and Nishimura, 1998). Normal numbers come from the Box-Muller transform, in blocks of sixteen if
/// there are at least sixteen, as in `torch.randn`.
public struct TorchRandom: Sendable {
    private var state: [UInt32]
    private var place = 624
    /// Second number of a pair of which only one was requested.
    private var spare: Double?

    public init(seed: UInt64) {
        // The generator uses the low 32 bits.
        state = [UInt32(truncatingIfNeeded: seed)]
        for i in 1..<624 {
            let last = state[i - 1]
            state.append(1_812_433_253 &* (last ^ last >> 30) &+ UInt32(i))
        }
    }

    /// The next 32 random bits.
    public mutating func nextWord() -> UInt32 {
        if place == 624 { refill() }
        var word = state[place]
        place += 1
        word ^= word >> 11
        word ^= word << 7 & 0x9d2c_5680
        word ^= word << 15 & 0xefc6_0000
        return word ^ word >> 18
    }

    private mutating func refill() {
        for i in 0..<624 {
            let mixed = state[i] & 0x8000_0000 | state[(i + 1) % 624] & 0x7fff_ffff
            state[i] = state[(i + 397) % 624] ^ mixed >> 1 ^ (mixed & 1 == 0 ? 0 : 0x9908_b0df)
        }
        place = 0
    }

    /// A float in [0, 1) with 24 random bits.
    private mutating func nextFloat() -> Float { Float(nextWord() & 0xff_ffff) * 0x1p-24 }

    /// A double in [0, 1) with 53 random bits.
    private mutating func nextDouble() -> Double {
        let high = UInt64(nextWord())
        let bits = high << 32 | UInt64(nextWord())
        return Double(bits & 0x1f_ffff_ffff_ffff) * 0x1p-53
    }

    /// The numbers of `torch.randn(count)`.
    public mutating func normal(count: Int) -> [Float] {
        guard count >= 16 else { return (0..<count).map { _ in nextNormal() } }
        var values = (0..<count).map { _ in nextFloat() }
        for start in stride(from: 0, through: count - 16, by: 16) { Self.transform(&values, from: start) }
        if count % 16 != 0 {
            // The last sixteen are drawn again, overwriting results of earlier blocks.
            for i in count - 16..<count { values[i] = nextFloat() }
            Self.transform(&values, from: count - 16)
        }
        return values
    }

    /// Transforms sixteen uniform numbers to normal ones. The first eight determine the radii, the others the angles.
    private static func transform(_ values: inout [Float], from start: Int) {
        for i in start..<start + 8 {
            let radius = (-2 * logf(1 - values[i])).squareRoot()
            // The nearest float to 2 pi; `Float.pi` is rounded down.
            let angle = Float(2 * Double.pi) * values[i + 8]
            values[i] = radius * cosf(angle)
            values[i + 8] = radius * sinf(angle)
        }
    }

    private mutating func nextNormal() -> Float {
        if let spare {
            self.spare = nil
            return Float(spare)
        }
        let angle = 2 * Double.pi * nextDouble()
        let radius = (-2 * log1p(-nextDouble())).squareRoot()
        spare = radius * sin(angle)
        return Float(radius * cos(angle))
    }
}
