import Foundation
import PixNerdSupport
import PixNerdTensors

/// Memory that crops need on the way, used for picture after picture by one thread.
final class CropScratch {
    /// Two blocks, for a picture and its half.
    fileprivate let halves = (ByteBlock(), ByteBlock())
    fileprivate let resampling = ResamplingMemory()

    // See ByteBlock.
    @inline(never)
    init() {}
}

/// What a transform does to one picture, its random choices made.
struct CropPlan {
    private enum Kind {
        /// Scaled until the shorter side has this many pixels; then the middle, or a place still to be drawn.
        case square(shorterSide: Int, isRandom: Bool)
        /// A part scaled to the square, whatever its shape.
        case part(columns: Range<Int>, rows: Range<Int>)
    }

    private let kind: Kind
    /// Columns and rows of the picture as it is stored.
    private let original: (width: Int, height: Int)
    private let size: Int
    private let flip: Bool
    /// What is left of the picture's stream.
    private let random: RandomStream

    /// How often the picture may be halved before it would be too small for the result: what a JPEG decoder may do
    /// while it decodes.
    let halvings: Int

    /// - Parameters:
    ///   - transform: what to do.
    ///   - width: columns of the picture as it is stored.
    ///   - height: rows of the picture as it is stored.
    ///   - size: the side of the result in pixels.
    ///   - random: the picture's own random numbers.
    init(_ transform: ImageTransform, width: Int, height: Int, size: Int, random: RandomStream) {
        var random = random
        var shortest = min(width, height)
        var needed = size
        switch transform.crop {
        case .center:
            kind = .square(shorterSide: size, isRandom: false)
        case .random:
            let smallest = Int((Double(size) / transform.randomFraction.upperBound).rounded(.up))
            let largest = Int((Double(size) / transform.randomFraction.lowerBound).rounded(.up))
            needed = smallest + random.nextInteger(below: largest - smallest + 1)
            kind = .square(shorterSide: needed, isRandom: true)
        case .resized:
            let part = transform.resizedPart(width: width, height: height, &random)
            shortest = min(part.columns.count, part.rows.count)
            kind = .part(columns: part.columns, rows: part.rows)
        }
        var halvings = 0
        while shortest >> halvings >= 2 * needed { halvings += 1 }
        self.halvings = halvings
        original = (width, height)
        self.size = size
        flip = transform.flip
        self.random = random
    }

    /// Cuts the square.
    ///
    /// - Parameters:
    ///   - picture: the picture, as it is stored or halved by its decoder.
    ///   - times: how often the decoder halved it.
    ///   - output: room for `size * size * 3` bytes.
    ///   - scratch: the thread's memory.
    func run(
        _ picture: PixelView, halved times: Int = 0, into output: UnsafeMutablePointer<UInt8>, scratch: CropScratch
    ) {
        defer { withExtendedLifetime(scratch) {} }
        var random = random
        var picture = picture
        let resampling: Resampling
        switch kind {
        case .square(let shorterSide, let isRandom):
            if times == 0 { picture = halved(picture, until: 2 * shorterSide, scratch) }
            // A decoder's half has the same geometry, so that the same square is cut.
            let width = times == 0 ? picture.width : original.width >> times
            let height = times == 0 ? picture.height : original.height >> times
            let scale = Double(shorterSide) / Double(min(width, height))
            // Python's round(), as in the original: halves go to the even neighbour.
            let columns = Int((Double(width) * scale).rounded(.toNearestOrEven))
            let rows = Int((Double(height) * scale).rounded(.toNearestOrEven))
            let top = isRandom ? random.nextInteger(below: rows - size + 1) : (rows - size) / 2
            let left = isRandom ? random.nextInteger(below: columns - size + 1) : (columns - size) / 2
            let mirrored = isMirrored(&random)
            if times == 0 {
                resampling = Resampling(
                    from: (picture.width, picture.height), to: (columns, rows), filter: .bicubic,
                    columns: left..<left + size, rows: top..<top + size, mirrored: mirrored)
            } else {
                // Its last column and row may stand for less than a pixel.
                let unit = 1 / Double(1 << times)
                let across = Double(original.width) * unit / Double(columns)
                let down = Double(original.height) * unit / Double(rows)
                resampling = Resampling(
                    from: (picture.width, picture.height), across: (Double(left) * across, Double(size) * across),
                    down: (Double(top) * down, Double(size) * down), toSquare: size, filter: .bicubic,
                    mirrored: mirrored)
            }
        case .part(let columns, let rows):
            let mirrored = isMirrored(&random)
            if times == 0 {
                picture = picture.part(columns: columns, rows: rows)
                resampling = Resampling(
                    from: (columns.count, rows.count), to: (size, size), filter: .bicubic, columns: 0..<size,
                    rows: 0..<size, mirrored: mirrored)
            } else {
                // The part as it lies in the halved picture: its edges may fall between pixels.
                let unit = 1 / Double(1 << times)
                resampling = Resampling(
                    from: (picture.width, picture.height),
                    across: (Double(columns.lowerBound) * unit, Double(columns.count) * unit),
                    down: (Double(rows.lowerBound) * unit, Double(rows.count) * unit), toSquare: size,
                    filter: .bicubic, mirrored: mirrored)
            }
        }
        resampling.run(picture, into: output, memory: scratch.resampling)
    }

    private func isMirrored(_ random: inout RandomStream) -> Bool {
        flip && random.nextUniform() < 0.5
    }

    /// The picture halved by averaging while its shorter side has at least `limit` pixels.
    private func halved(_ picture: PixelView, until limit: Int, _ scratch: CropScratch) -> PixelView {
        var result = picture
        var (target, other) = scratch.halves
        while min(result.width, result.height) >= limit {
            let (width, height) = (result.width / 2, result.height / 2)
            let pixels = target.reserve(width * height * 3)
            Resampling(
                from: (result.width, result.height), to: (width, height), filter: .box, columns: 0..<width,
                rows: 0..<height
            ).run(result, into: pixels, memory: scratch.resampling)
            result = PixelView(pixels, width: width, height: height)
            swap(&target, &other)
        }
        return result
    }
}
