import Tensors

/// Numbers in ascending order that know where they came from.
struct SortedNumbers {
    private let values: [Float]
    /// The place of each among those that were sorted.
    private let places: [UInt32]

    /// Sorts elements of a tensor, by their bits and in linear time (radix sort).
    init(_ tensor: Tensor, _ range: Range<Int>) {
        var keys = tensor.withUnsafeBuffer { source in
            source[range].enumerated().map { UInt64(Self.key($1)) << 32 | UInt64($0) }
        }
        var other = [UInt64](repeating: 0, count: keys.count)
        let digits = 11
        for shift in stride(from: 32, to: 64, by: digits) {
            Self.distribute(&keys, &other, shift: shift, mask: (1 << digits) - 1)
            swap(&keys, &other)
        }
        values = keys.map { Self.value(UInt32($0 >> 32)) }
        places = keys.map { UInt32(truncatingIfNeeded: $0) }
    }

    /// One pass: by some bits, what is equal in them staying in order.
    private static func distribute(_ source: inout [UInt64], _ target: inout [UInt64], shift: Int, mask: UInt64) {
        var starts = [Int](repeating: 0, count: Int(mask) + 2)
        source.withUnsafeBufferPointer { source in
            target.withUnsafeMutableBufferPointer { target in
                for key in source { starts[Int(key >> UInt64(shift) & mask) + 1] += 1 }
                for i in 1..<starts.count { starts[i] += starts[i - 1] }
                for key in source {
                    let digit = Int(key >> UInt64(shift) & mask)
                    target[starts[digit]] = key
                    starts[digit] += 1
                }
            }
        }
    }

    /// Bits that are in order as integers where the numbers are.
    private static func key(_ value: Float) -> UInt32 {
        let bits = value.bitPattern
        return bits & 0x8000_0000 == 0 ? bits | 0x8000_0000 : ~bits
    }

    private static func value(_ key: UInt32) -> Float {
        Float(bitPattern: key & 0x8000_0000 == 0 ? ~key : key & 0x7fff_ffff)
    }

    /// The Wasserstein distance of first order between the two distributions: the area between their quantile functions.
    ///
    /// - Parameter counts: how often each number of `other` counts, by the place that it had before it was sorted; once
    ///   where nil.
    func distance(to other: SortedNumbers, counts: [Int]?) -> Double {
        let total = Double(counts?.reduce(0, +) ?? other.values.count)
        let share = 1 / Double(values.count)
        var (sum, index, left) = (0.0, 0, share)
        for (value, place) in zip(other.values, other.places) {
            var weight = Double(counts?[Int(place)] ?? 1) / total
            while weight > 0 {
                let part = min(weight, left)
                sum += part * abs(Double(values[index]) - Double(value))
                weight -= part
                left -= part
                if left <= 0 {
                    // Rounding may leave a last bit of weight over, for the last number.
                    guard index + 1 < values.count else { break }
                    (index, left) = (index + 1, share)
                }
            }
        }
        return sum
    }
}
