import CPixNerdKernels
import PixNerdTensors

/// Numbers in ascending order, with their original indices.
struct SortedNumbers {
    private let values: [Float]
    /// Original index of each number.
    private let places: [UInt32]

    /// Sorts elements of a tensor by their bits in linear time (radix sort).
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

    /// One stable pass of the radix sort, over the bits of one digit.
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

    /// Bits whose order as integers is the order of the numbers.
    private static func key(_ value: Float) -> UInt32 {
        let bits = value.bitPattern
        return bits & 0x8000_0000 == 0 ? bits | 0x8000_0000 : ~bits
    }

    private static func value(_ key: UInt32) -> Float {
        Float(bitPattern: key & 0x8000_0000 == 0 ? ~key : key & 0x7fff_ffff)
    }

    /// First-order Wasserstein distances to other numbers, one for each column of weights.
    ///
    /// - Parameters:
    ///   - rowsOf: the number of other numbers, by their original indices, that share a row of weights.
    ///   - weights: [rows, columns], the weight of each of the other numbers.
    func distances(to other: SortedNumbers, rowsOf together: Int, weights: DoubleMatrix) -> [Double] {
        let rows = other.places.map { $0 / UInt32(together) }
        var difference = [Double](repeating: 0, count: weights.columns)
        return [Double](unsafeUninitializedCapacity: weights.columns) { sums, count in
            pn_wasserstein_sweep(
                values.count, values, other.values.count, other.values, rows, weights.columns, weights.values,
                &difference, sums.baseAddress!)
            count = weights.columns
        }
    }
}
