import PixNerdDistributed
import PixNerdTensors

/// Some elements of one parameter.
public struct ParameterPiece: Sendable, Equatable {
    /// The place of the parameter among those that are trained.
    public let parameter: Int
    public let range: Range<Int>

    /// All elements of each parameter: what a process alone updates.
    package static func whole(_ parameters: [Parameter]) -> [ParameterPiece] {
        parameters.enumerated().map { ParameterPiece(parameter: $0, range: 0..<$1.value.count) }
    }

    /// The elements of a parameter's tensor, in memory of their own.
    package func copied(from tensor: Tensor) -> Tensor {
        tensor.count == range.count ? tensor.copied() : tensor.elements(range)
    }
}

/// Where parameters lie in flat memory: in reverse order, which is about that in which their gradients come, cut into
/// buckets of equal size, and each bucket into a share for each process.
///
/// (Buckets as in PyTorch's DistributedDataParallel: Li et al., arXiv 2006.15704, section 3.2.)
package struct ShareLayout {
    /// Of each parameter.
    package let offsets: [Int]
    package let bucketSize: Int
    package let buckets: Int
    private let counts: [Int]
    private let ranks: Int

    /// Elements of a bucket at most, about: 25 MB of them.
    private static let largestBucket = 25 << 18
    /// Buckets of a small model, so that there is something to do beside its backward pass, too.
    private static let fewestBuckets = 8
    /// What begins at a multiple of so many elements begins at one of 64 bytes.
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

    package var count: Int { buckets * bucketSize }

    /// The ranges that are no parameter's.
    package var gaps: [Range<Int>] {
        let places = zip(offsets, counts).map { $0..<$0 + $1 }.reversed()
        let begins = places.dropFirst().map(\.lowerBound) + [count]
        return zip(places, begins).map { $0.upperBound..<$1 }.filter { !$0.isEmpty }
    }

    /// The buckets that a parameter lies in.
    package func buckets(of parameter: Int) -> ClosedRange<Int> {
        offsets[parameter] / bucketSize...(offsets[parameter] + counts[parameter] - 1) / bucketSize
    }

    /// The share of a process in a bucket, as a range of the flat memory.
    package func share(of rank: Int, bucket: Int) -> Range<Int> {
        let size = bucketSize / ranks
        return bucket * bucketSize + rank * size..<bucket * bucketSize + (rank + 1) * size
    }

    /// The elements of one parameter that are a process's.
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

    /// All elements that are a process's, parameter by parameter.
    package func pieces(of rank: Int) -> [ParameterPiece] { counts.indices.flatMap { pieces(of: rank, parameter: $0) } }
}
