import Foundation
import PixNerdSupport
import PixNerdTensors

/// Scratch memory for crops, reused from image to image by one thread.
final class CropScratch {
    /// Two blocks, for an image and its half.
    fileprivate let halves = (ByteBlock(), ByteBlock())
    fileprivate let resampling = ResamplingMemory()

    // See ByteBlock.
    @inline(never)
    init() {}
}

/// A transform of one image, with its random choices made.
struct CropPlan {
    private enum Kind {
        /// Scales the image until its shorter side has this many pixels, then takes the middle or a random position.
        case square(shorterSide: Int, isRandom: Bool)
        /// Scales a part to the square, whatever its shape.
        case part(columns: Range<Int>, rows: Range<Int>)
    }

    private let kind: Kind
    /// Columns and rows of the image as stored.
    private let original: (width: Int, height: Int)
    private let size: Int
    private let flip: Bool
    /// The image's random stream after the choices made so far.
    private let random: RandomStream

    /// How often the image may be halved before it would be too small for the result. A JPEG decoder may do so while
    /// decoding.
    let halvings: Int

    /// - Parameters:
    ///   - transform: the transform to apply.
    ///   - width: columns of the image as stored.
    ///   - height: rows of the image as stored.
    ///   - size: the side of the result in pixels.
    ///   - random: the random numbers of this image.
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

    /// Crops and scales the image.
    ///
    /// - Parameters:
    ///   - picture: the image, as stored or as halved by its decoder.
    ///   - times: how often the decoder halved it.
    ///   - output: memory for `size * size` pixels.
    ///   - scratch: the scratch memory of this thread.
    func run<Value: ResampledValue>(
        _ picture: PixelView<Value>, halved times: Int = 0, into output: UnsafeMutablePointer<Value>,
        scratch: CropScratch
    ) {
        defer { withExtendedLifetime(scratch) {} }
        var random = random
        var picture = picture
        let resampling: Resampling
        switch kind {
        case .square(let shorterSide, let isRandom):
            if times == 0 { picture = halved(picture, until: 2 * shorterSide, scratch) }
            // The geometry is that of exact halving, so that the crop does not depend on who halved the image.
            let width = times == 0 ? picture.width : original.width >> times
            let height = times == 0 ? picture.height : original.height >> times
            let scale = Double(shorterSide) / Double(min(width, height))
            // Python's round(), as in the original: ties to even.
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
                // The last column and row of a decoder's half may stand for less than a pixel.
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
                // The part in the coordinates of the halved image, where its edges may fall between pixels.
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

    /// Pixels of an image that are halved at once.
    private static let bandPixels = 1 << 23

    /// The image, halved by averaging while its shorter side has at least `limit` pixels.
    private func halved<Value: ResampledValue>(
        _ picture: PixelView<Value>, until limit: Int, _ scratch: CropScratch
    ) -> PixelView<Value> {
        var result = picture
        var (target, other) = scratch.halves
        while min(result.width, result.height) >= limit {
            let (width, height) = (result.width / 2, result.height / 2)
            let pixels = target.reserve(width * height * result.channels, of: Value.self)
            // In bands, so that what is kept between columns and rows stays small even for the largest images.
            let band = max(1, Self.bandPixels / width)
            for top in stride(from: 0, to: height, by: band) {
                Resampling(
                    from: (result.width, result.height), to: (width, height), filter: .box, columns: 0..<width,
                    rows: top..<min(top + band, height)
                ).run(result, into: pixels + top * width * result.channels, memory: scratch.resampling)
            }
            result = PixelView(pixels, width: width, height: height, channels: result.channels)
            swap(&target, &other)
        }
        return result
    }
}
