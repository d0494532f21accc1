import Foundation

/// The purpose of a random stream. Streams of different purposes never overlap.
///
/// The raw values are part of a run's identity: changing one changes every image made from a seed.
public enum RandomPurpose: UInt32, Sendable {
    case initialization = 1
    case noise = 2
    case times = 3
    case labelDropout = 4
    case pictureOrder = 5
    case shapes = 6
    case samplingNoise = 7
    case test = 8
    case augmentation = 9
    case samplingLabels = 10
    case rowOrder = 11
    case fieldSize = 12
    case latents = 13
    case captions = 14
    case toldAugmentation = 15
    case dropout = 16
    case guidanceScale = 17
    case interval = 18
    case evaluation = 20
    case valueDropout = 21
    case adapterDropout = 23
    case pictureMasks = 24
}

/// A counter-based random stream: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC
/// 2011).
///
/// The stream is a pure function of (seed, purpose, step, index). The numbers of a sample therefore do not depend on
/// its batch, on the threads, or on earlier draws.
public struct RandomStream: Sendable {
    private let key: SIMD2<UInt32>
    private var counter: SIMD4<UInt32>
    private var words = SIMD4<UInt32>()
    private var used = 4

    /// - Parameters:
    ///   - seed: the seed of the run or image.
    ///   - purpose: the purpose of the numbers.
    ///   - step: the training step or epoch. Only its low 32 bits count.
    ///   - index: the index of the sample within the step. Only its low 32 bits count.
    public init(seed: UInt64, purpose: RandomPurpose, step: Int = 0, index: Int = 0) {
        key = SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
        counter = SIMD4(
            0, UInt32(truncatingIfNeeded: index), UInt32(truncatingIfNeeded: step), purpose.rawValue)
    }

    /// Applies the ten rounds of Philox4x32 to one counter. Public so that it can be checked against the published test
    /// vectors.
    public static func philox(counter: SIMD4<UInt32>, key: SIMD2<UInt32>) -> SIMD4<UInt32> {
        var c = counter
        var k = key
        for _ in 0..<10 {
            let product0 = UInt64(0xD251_1F53) * UInt64(c[0])
            let product1 = UInt64(0xCD9E_8D57) * UInt64(c[2])
            c = SIMD4(
                UInt32(truncatingIfNeeded: product1 >> 32) ^ c[1] ^ k[0], UInt32(truncatingIfNeeded: product1),
                UInt32(truncatingIfNeeded: product0 >> 32) ^ c[3] ^ k[1], UInt32(truncatingIfNeeded: product0))
            k = SIMD2(k[0] &+ 0x9E37_79B9, k[1] &+ 0xBB67_AE85)
        }
        return c
    }

    /// The next 32 random bits.
    public mutating func nextWord() -> UInt32 {
        if used == 4 {
            words = Self.philox(counter: counter, key: key)
            counter[0] &+= 1
            used = 0
        }
        defer { used += 1 }
        return words[used]
    }

    /// Moves to a place in the stream.
    ///
    /// - Parameter word: the number of words before it.
    package mutating func seek(toWord word: Int) {
        counter[0] = UInt32(truncatingIfNeeded: word / 4)
        used = 4
        for _ in 0..<word % 4 { _ = nextWord() }
    }

    /// A number in [0, 1) with 24 random bits.
    public mutating func nextUniform() -> Float {
        Float(nextWord() >> 8) * 0x1p-24
    }

    /// A uniform integer in 0 ..< bound, without bias (Lemire's multiply-and-reject method).
    public mutating func nextInteger(below bound: Int) -> Int {
        precondition(bound > 0 && bound <= Int(UInt32.max), "nextInteger: bound \(bound) is not in 1 ... 2^32 - 1")
        let limit = UInt32(bound)
        let threshold = (0 &- limit) % limit
        while true {
            let product = UInt64(nextWord()) * UInt64(limit)
            if UInt32(truncatingIfNeeded: product) >= threshold { return Int(product >> 32) }
        }
    }

    /// Two independent standard normal numbers (Box and Muller, 1958).
    public mutating func nextNormalPair() -> (Float, Float) {
        let radius = (-2 * logf(1 - nextUniform())).squareRoot()
        let angle = 2 * Float.pi * nextUniform()
        return (radius * cosf(angle), radius * sinf(angle))
    }

    /// Fills `output` with standard normal numbers.
    public mutating func fillNormal(_ output: UnsafeMutableBufferPointer<Float>) {
        var i = 0
        while i + 1 < output.count {
            (output[i], output[i + 1]) = nextNormalPair()
            i += 2
        }
        if i < output.count { output[i] = nextNormalPair().0 }
    }

    /// A random permutation of 0 ..< count (Fisher and Yates).
    public mutating func permutation(of count: Int) -> [Int] {
        var order = Array(0..<count)
        for i in stride(from: count - 1, to: 0, by: -1) {
            order.swapAt(i, nextInteger(below: i + 1))
        }
        return order
    }
}
