import PixNerdSupport
import PixNerdTensors

/// Features and pixel statistics of one side, gathered in a single pass over its images.
struct SideMeasurement {
    /// Number of images read.
    private(set) var count = 0
    /// One reason for each image that could not be read.
    var unreadable: [String] = []
    /// Number of images that were cropped or resized.
    var cropped = 0
    private(set) var pool: [Tensor] = []
    private(set) var spatial: [Tensor] = []
    private(set) var logits: [Tensor] = []
    private(set) var spectrum: PowerSpectrum?
    private(set) var seam: PatchSeam?
    /// Mean colour; nil unless pixels are measured.
    private(set) var levels: LevelSummary?
    /// Patch descriptors of each half, for the baseline distance; of all images together if the side is not halved.
    private(set) var patches: [SlicedWasserstein.Descriptors] = []
    /// Whether each image belongs to the second half; nil for a side that is not halved.
    private let isSecondHalf: [Bool]?

    /// - Parameters:
    ///   - channels: channels of the images.
    ///   - isHalved: whether the images are split at random into two halves, for the baseline.
    ///   - measuresPixels: whether to gather what the pixel measures need.
    init(
        _ source: PictureSource, size: ImageSize, channels: Int = 3, isHalved: Bool, measuresPixels: Bool,
        seed: UInt64
    ) {
        isSecondHalf = isHalved ? Self.halves(source.count, seed: seed) : nil
        guard measuresPixels else { return }
        levels = LevelSummary()
        if min(size.height, size.width) >= PowerSpectrum.smallestSide {
            spectrum = PowerSpectrum(height: size.height, width: size.width)
        }
        seam = PatchSeam(height: size.height, width: size.width)
        if SlicedWasserstein.isMeasurable(height: size.height, width: size.width) {
            patches = (0..<(isHalved ? 2 : 1)).map { half in
                SlicedWasserstein.Descriptors(
                    height: size.height, width: size.width, channels: channels, expected: source.count,
                    seed: seed &+ UInt64(half))
            }
        }
    }

    private static func halves(_ count: Int, seed: UInt64) -> [Bool] {
        var stream = RandomStream(seed: seed, purpose: .evaluation, step: 5)
        var isSecond = [Bool](repeating: false, count: count)
        for place in stream.permutation(of: count).prefix(count / 2) { isSecond[place] = true }
        return isSecond
    }

    /// - Parameter features: the network's features of the batch; nil without a network.
    mutating func add(_ batch: PixelBatch, _ features: ExtractedFeatures?) {
        if let features {
            pool.append(features.pool)
            if let values = features.spatial { spatial.append(values) }
            if let values = features.logits { logits.append(values) }
        }
        levels?.add(batch)
        spectrum?.add(batch)
        seam?.add(batch)
        for half in patches.indices {
            let kept = (0..<batch.count).filter { picture in
                isSecondHalf.map { $0[count + picture] == (half == 1) } ?? true
            }
            if let part = batch.part(kept) { patches[half].add(part) }
        }
        count += batch.count
    }

    /// Row indices of each half; nil for a side that is not halved.
    var halves: (first: [Int], second: [Int])? {
        guard let isSecondHalf else { return nil }
        let rows = Array(0..<count)
        return (rows.filter { !isSecondHalf[$0] }, rows.filter { isSecondHalf[$0] })
    }
}

extension Tensor {
    /// A copy of some rows.
    func selecting(_ rows: [Int]) -> Tensor {
        let width = count / shape[0]
        var result = Tensor(uninitialized: [rows.count] + shape.dropFirst())
        withUnsafeBuffer { source in
            result.withUnsafeMutableBuffer { target in
                for (place, row) in rows.enumerated() {
                    for column in 0..<width { target[place * width + column] = source[row * width + column] }
                }
            }
        }
        return result
    }
}
