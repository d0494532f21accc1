import PixNerdTensors

/// What is gathered of the pictures of one side while they are read once.
struct SideMeasurement {
    /// Pictures that were read.
    private(set) var count = 0
    /// Reasons why others were not.
    var unreadable: [String] = []
    /// Pictures that were cropped or scaled.
    var cropped = 0
    private(set) var pool: [Tensor] = []
    private(set) var spatial: [Tensor] = []
    private(set) var logits: [Tensor] = []
    private(set) var spectrum: PowerSpectrum?
    private(set) var seam: PatchSeam?
    /// Of the pictures of each half, for the distance of a side from itself; all of them where it is not halved.
    private(set) var patches: [SlicedWasserstein.Descriptors] = []
    /// Which half each place belongs to; nil for a side that is not halved.
    private let isSecondHalf: [Bool]?

    /// - Parameters:
    ///   - isHalved: whether the pictures are split at random into two halves.
    ///   - measuresPixels: whether what needs no network is gathered.
    init(_ source: PictureSource, size: PictureExtent, isHalved: Bool, measuresPixels: Bool, seed: UInt64) {
        isSecondHalf = isHalved ? Self.halves(source.count, seed: seed) : nil
        guard measuresPixels else { return }
        if min(size.height, size.width) >= PowerSpectrum.smallestSide {
            spectrum = PowerSpectrum(height: size.height, width: size.width)
        }
        seam = PatchSeam(height: size.height, width: size.width)
        if SlicedWasserstein.isMeasurable(height: size.height, width: size.width) {
            patches = (0..<(isHalved ? 2 : 1)).map { half in
                SlicedWasserstein.Descriptors(
                    height: size.height, width: size.width, expected: source.count, seed: seed &+ UInt64(half))
            }
        }
    }

    private static func halves(_ count: Int, seed: UInt64) -> [Bool] {
        var stream = RandomStream(seed: seed, purpose: .evaluation, step: 5)
        var isSecond = [Bool](repeating: false, count: count)
        for place in stream.permutation(of: count).prefix(count / 2) { isSecond[place] = true }
        return isSecond
    }

    /// - Parameter features: what a network makes of the batch, where there is one.
    mutating func add(_ batch: PixelBatch, _ features: ExtractedFeatures?) {
        if let features {
            pool.append(features.pool)
            if let values = features.spatial { spatial.append(values) }
            if let values = features.logits { logits.append(values) }
        }
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

    /// The rows of each half, of a side that was halved.
    var halves: (first: [Int], second: [Int])? {
        guard let isSecondHalf else { return nil }
        let rows = Array(0..<count)
        return (rows.filter { !isSecondHalf[$0] }, rows.filter { isSecondHalf[$0] })
    }
}

extension PixelBatch {
    /// Some of the pictures; nil for none.
    fileprivate func part(_ pictures: [Int]) -> PixelBatch? {
        guard !pictures.isEmpty else { return nil }
        guard pictures.count < count else { return self }
        return PixelBatch(
            count: pictures.count, height: height, width: width,
            pixels: pictures.flatMap { pixels[$0 * pictureSize..<($0 + 1) * pictureSize] })
    }
}

extension Tensor {
    /// Some rows of a tensor, copied.
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
