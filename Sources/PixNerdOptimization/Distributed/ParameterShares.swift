import PixNerdDistributed
import PixNerdTensors

/// A range of elements of one parameter.
public struct ParameterPiece: Sendable, Equatable {
    /// Index of the parameter among those that are trained.
    public let parameter: Int
    /// Range of elements in row-major order.
    public let range: Range<Int>

    /// All elements of each parameter, as updated without sharing.
    package static func whole(_ parameters: [Parameter]) -> [ParameterPiece] {
        parameters.enumerated().map { ParameterPiece(parameter: $0, range: 0..<$1.value.count) }
    }

    /// Copies these elements out of the tensor of their parameter.
    package func copied(from tensor: Tensor) -> Tensor {
        tensor.count == range.count ? tensor.copied() : tensor.elements(range)
    }
}

/// The layout of parameters in flat memory: in reverse order, which is roughly the order in which their gradients
/// become complete, cut into buckets of equal size, and each bucket into one share per process.
///
/// (Buckets as in PyTorch's DistributedDataParallel: Li et al., arXiv 2006.15704, section 3.2.)
package struct ShareLayout {
    /// Offset of each parameter in elements.
    package let offsets: [Int]
    /// Elements per bucket.
    package let bucketSize: Int
    /// Number of buckets.
    package let buckets: Int
    private let counts: [Int]
    private let ranks: Int

    /// Approximate upper limit of the elements of a bucket: 25 MiB of float32.
    private static let largestBucket = 25 << 18
    /// Number of buckets of a small model, so that its sums also overlap with the backward pass.
    private static let fewestBuckets = 8
    /// Offsets are multiples of this many elements, so that each begins on a 64-byte boundary.
    private static let alignment = 16

    package init(counts: [Int], ranks: Int, usualBucketSize: Int? = nil) {
        var offsets = [Int](repeating: 0, count: counts.count)
        var end = 0
        for index in counts.indices.reversed() {
            offsets[index] = end
            end += Self.roundedUp(counts[index], to: Self.alignment)
        }
        (self.offsets, self.counts, self.ranks) = (offsets, counts, ranks)
        let usual = usualBucketSize ?? min(Self.largestBucket, max(1 << 18, end / Self.fewestBuckets))
        buckets = (end + usual - 1) / usual
        bucketSize = Self.roundedUp((end + buckets - 1) / buckets, to: Self.alignment * ranks)
    }

    private static func roundedUp(_ count: Int, to unit: Int) -> Int { (count + unit - 1) / unit * unit }

    /// Elements of all buckets.
    package var count: Int { buckets * bucketSize }

    /// Ranges that belong to no parameter.
    package var gaps: [Range<Int>] {
        let places = zip(offsets, counts).map { $0..<$0 + $1 }.reversed()
        let begins = places.dropFirst().map(\.lowerBound) + [count]
        return zip(places, begins).map { $0.upperBound..<$1 }.filter { !$0.isEmpty }
    }

    /// Indices of the buckets that a parameter spans.
    package func buckets(of parameter: Int) -> ClosedRange<Int> {
        offsets[parameter] / bucketSize...(offsets[parameter] + counts[parameter] - 1) / bucketSize
    }

    /// Range in flat memory of a process's share of a bucket.
    package func share(of rank: Int, bucket: Int) -> Range<Int> {
        let size = bucketSize / ranks
        return bucket * bucketSize + rank * size..<bucket * bucketSize + (rank + 1) * size
    }

    /// Elements of one parameter that belong to a process.
    package func pieces(of rank: Int, parameter: Int) -> [ParameterPiece] {
        let place = offsets[parameter]..<offsets[parameter] + counts[parameter]
        return buckets(of: parameter).compactMap { bucket in
            let common = share(of: rank, bucket: bucket).clamped(to: place)
            guard !common.isEmpty else { return nil }
            return ParameterPiece(
                parameter: parameter, range: common.lowerBound - place.lowerBound..<common.upperBound - place.lowerBound
            )
        }
    }

    /// All elements that belong to a process, in the order of the parameters.
    package func pieces(of rank: Int) -> [ParameterPiece] { counts.indices.flatMap { pieces(of: rank, parameter: $0) } }
}
