import PixNerdTensors

/// Sliced Wasserstein distance between patches of images, for each level of their Laplacian pyramids (Karras et al.,
/// "Progressive growing of GANs", ICLR 2018, section 5).
///
/// A descriptor is a patch of 7 x 7 pixels and all channels at a random position. The channels of each side are
/// normalized to mean 0 and variance 1. The distance is that between projections on random directions, averaged over
/// the directions. It depends on the number of images.
public enum SlicedWasserstein {
    /// Side of a patch in pixels.
    package static let side = 7
    /// Length of a descriptor.
    static func width(channels: Int) -> Int { channels * side * side }

    /// Whether images of a size are large enough for descriptors.
    public static func isMeasurable(height: Int, width: Int) -> Bool { min(height, width) >= 16 }

    /// Descriptors of one side's images.
    public struct Descriptors: Sendable {
        /// Height and width of each level, the finest first.
        public let sizes: [(height: Int, width: Int)]
        /// [pictures x patchesPerPicture, channel, row, column] for each level, grouped by image.
        package private(set) var levels: [[Float]]
        public let patchesPerPicture: Int
        public private(set) var pictures = 0
        fileprivate let channels: Int
        private let seed: UInt64

        /// - Parameters:
        ///   - channels: channels of the images.
        ///   - expected: the number of images to come. Each gets 128 descriptors, as in the paper, or fewer so that
        ///     there are at most 2^17 in all.
        ///   - seed: determines the positions.
        public init(height: Int, width: Int, channels: Int = 3, expected: Int, seed: UInt64) {
            precondition(SlicedWasserstein.isMeasurable(height: height, width: width), "SlicedWasserstein: too small")
            sizes = (0..<LaplacianPyramid.levelCount(height: height, width: width)).map { (height >> $0, width >> $0) }
            patchesPerPicture = min(128, max(1, (1 << 17) / max(expected, 1)))
            levels = Array(repeating: [], count: sizes.count)
            self.seed = seed
            self.channels = channels
        }

        /// Adds images of size height x width.
        public mutating func add(_ batch: PixelBatch) {
            precondition(
                batch.height == sizes[0].height && batch.width == sizes[0].width && batch.channels == channels,
                "Descriptors: another size")
            let parts = parallelMap(batch.count) { descriptors(of: batch, picture: $0) }
            for level in levels.indices {
                for part in parts { levels[level] += part[level] }
            }
            pictures += batch.count
        }

        /// The union of two sets of descriptors with equal `patchesPerPicture`.
        func joined(with other: Descriptors) -> Descriptors {
            precondition(patchesPerPicture == other.patchesPerPicture, "Descriptors: other numbers of patches")
            var result = self
            for level in levels.indices { result.levels[level] += other.levels[level] }
            result.pictures += other.pictures
            return result
        }

        /// Descriptors of one image, for each level.
        private func descriptors(of batch: PixelBatch, picture: Int) -> [[Float]] {
            var stream = RandomStream(seed: seed, purpose: .evaluation, step: 2, index: pictures + picture)
            return LaplacianPyramid(batch, picture: picture).levels.map { planes in
                var values: [Float] = []
                values.reserveCapacity(patchesPerPicture * SlicedWasserstein.width(channels: channels))
                for _ in 0..<patchesPerPicture {
                    let top = stream.nextInteger(below: planes[0].height - SlicedWasserstein.side + 1)
                    let left = stream.nextInteger(below: planes[0].width - SlicedWasserstein.side + 1)
                    for plane in planes {
                        for row in top..<top + SlicedWasserstein.side {
                            let start = row * plane.width + left
                            values += plane.values[start..<start + SlicedWasserstein.side].lazy.map { Float($0) }
                        }
                    }
                }
                return values
            }
        }
    }

    /// Distance at one level of the pyramid.
    public struct Distance: Sendable {
        public let height: Int
        public let width: Int
        /// Distance times 1000, as it is published.
        public let value: Double
        /// Distance times 1000 for each resample.
        public let resampled: [Double]
    }

    /// Distances at all levels.
    ///
    /// - Parameters:
    ///   - directions: the number of random directions; 512 in the paper.
    ///   - seed: determines the directions.
    ///   - resamples: how often each generated image counts in further distances, for an interval.
    public static func distances(
        real: Descriptors, generated: Descriptors, directions: Int = 512, seed: UInt64, resamples: [[Int]] = []
    ) -> [Distance] {
        precondition(
            real.sizes.elementsEqual(generated.sizes, by: ==) && real.channels == generated.channels
                && real.pictures > 0 && generated.pictures > 0,
            "SlicedWasserstein: the two sides have other sizes or channels, or no images")
        return real.sizes.indices.map { level in
            let directions = randomDirections(
                directions, seed: seed, level: level, width: width(channels: real.channels))
            let (base, resampled) = distance(
                normalized(real.levels[level], channels: real.channels),
                normalized(generated.levels[level], channels: real.channels), directions: directions,
                resamples: resamples, rowsTogether: generated.patchesPerPicture)
            return Distance(
                height: real.sizes[level].height, width: real.sizes[level].width, value: 1000 * base,
                resampled: resampled.map { 1000 * $0 })
        }
    }

    /// Unit vectors, uniform over the sphere, [count, width].
    private static func randomDirections(_ count: Int, seed: UInt64, level: Int, width: Int) -> Tensor {
        var directions = Tensor(uninitialized: [count, width])
        directions.withUnsafeMutableBuffer { values in
            var stream = RandomStream(seed: seed, purpose: .evaluation, step: 3, index: level)
            stream.fillNormal(values)
            for direction in 0..<count {
                let range = direction * width..<(direction + 1) * width
                let length = range.reduce(Float(0)) { $0 + values[$1] * values[$1] }.squareRoot()
                for i in range { values[i] /= length }
            }
        }
        return directions
    }

    /// Descriptors with each channel normalized to mean 0 and variance 1 over all of them, [N, width].
    package static func normalized(_ descriptors: [Float], channels: Int = 3) -> Tensor {
        let (channel, width) = (side * side, width(channels: channels))
        var tensor = Tensor(descriptors, shape: [descriptors.count / width, width])
        tensor.withUnsafeMutableBuffer { values in
            for first in stride(from: 0, to: width, by: channel) {
                var (sum, squares) = (0.0, 0.0)
                let starts = stride(from: first, to: values.count, by: width)
                for start in starts {
                    for i in start..<start + channel { sum += Double(values[i]) }
                }
                let count = Double(values.count / channels)
                let mean = sum / count
                for start in starts {
                    for i in start..<start + channel {
                        squares += (Double(values[i]) - mean) * (Double(values[i]) - mean)
                    }
                }
                // A constant channel stays 0.
                let scale = squares > 0 ? 1 / (squares / count).squareRoot() : 0
                for start in starts {
                    for i in start..<start + channel { values[i] = Float((Double(values[i]) - mean) * scale) }
                }
            }
        }
        return tensor
    }

    /// Wasserstein distance between projections, averaged over directions.
    ///
    /// - Parameters:
    ///   - real, generated: [N, d] and [M, d].
    ///   - directions: [K, d].
    ///   - resamples: how often each generated row counts, for each further distance.
    ///   - together: the number of consecutive generated rows that share a count, because they belong to one image.
    package static func distance(
        _ real: Tensor, _ generated: Tensor, directions: Tensor, resamples: [[Int]] = [], rowsTogether together: Int = 1
    ) -> (base: Double, resampled: [Double]) {
        let (n, m, count) = (real.shape[0], generated.shape[0], directions.shape[0])
        let weights = weights(resamples, rows: m / together, together: together)
        var sums = [Double](repeating: 0, count: weights.columns)
        let directionsAtOnce = 32
        for first in stride(from: 0, to: count, by: directionsAtOnce) {
            let some = directions.rows(first..<min(first + directionsAtOnce, count))
            let (a, b) = (linear(some, weight: real, bias: nil), linear(some, weight: generated, bias: nil))
            let distances = parallelMap(some.shape[0]) { direction in
                let x = SortedNumbers(a, direction * n..<(direction + 1) * n)
                let y = SortedNumbers(b, direction * m..<(direction + 1) * m)
                return x.distances(to: y, rowsOf: together, weights: weights)
            }
            // Summed in the order of the directions, so that the result does not depend on the threads.
            for part in distances {
                for i in sums.indices { sums[i] += part[i] / Double(count) }
            }
        }
        return (sums[0], Array(sums.dropFirst()))
    }

    /// Weight of each generated row, [rows, 1 + resamples]; the columns sum to 1, and the first is uniform.
    private static func weights(_ resamples: [[Int]], rows: Int, together: Int) -> DoubleMatrix {
        var weights = DoubleMatrix(zeros: rows, 1 + resamples.count)
        for (column, counts) in ([[Int](repeating: 1, count: rows)] + resamples).enumerated() {
            let total = Double(counts.reduce(0, +) * together)
            for row in 0..<rows { weights[row, column] = Double(counts[row]) / total }
        }
        return weights
    }
}
