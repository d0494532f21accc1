import Foundation
import PixNerdSupport
import PixNerdTensors

/// Scratch memory for crops, reused from image to image by one thread.
final class CropScratch {
    /// Two blocks, for an image and its half.
    fileprivate let halves = (ByteBlock(), ByteBlock())
    /// A whole image that is to be padded.
    fileprivate let whole = ByteBlock()
    fileprivate let resampling = ResamplingMemory()

    // See ByteBlock.
    @inline(never)
    init() {}
}

/// A transform of one image, with its random choices made.
struct CropPlan {
    private enum Kind {
        /// Scales the image until it just covers a size, then takes the middle or a random position.
        case covering(width: Double, height: Double, isRandom: Bool)
        /// Scales a part to the size, whatever its shape.
        case part(columns: Range<Int>, rows: Range<Int>)
        /// Scales the whole image into an area of the size, and pads the rest.
        case padded(ImageArea)
    }

    private let kind: Kind
    /// Columns and rows of the image as stored.
    private let original: (width: Int, height: Int)
    private let size: ImageSize
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
    ///   - size: the size of the result.
    ///   - random: the random numbers of this image.
    init(_ transform: ImageTransform, width: Int, height: Int, size: ImageSize, random: RandomStream) {
        var random = random
        var available = (width: width, height: height)
        var needed = (width: Double(size.width), height: Double(size.height))
        switch transform.crop {
        case .center:
            kind = .covering(width: needed.width, height: needed.height, isRandom: false)
        case .random:
            let shorter = Double(size.shorterSide)
            let smallest = Int((shorter / transform.randomFraction.upperBound).rounded(.up))
            let largest = Int((shorter / transform.randomFraction.lowerBound).rounded(.up))
            let drawn = Double(smallest + random.nextInteger(below: largest - smallest + 1))
            needed = (Double(size.width) * drawn / shorter, Double(size.height) * drawn / shorter)
            kind = .covering(width: needed.width, height: needed.height, isRandom: true)
        case .resized:
            let part = transform.resizedPart(width: width, height: height, of: size, &random)
            available = (part.columns.count, part.rows.count)
            kind = .part(columns: part.columns, rows: part.rows)
        case .whole:
            let scale = min(needed.width / Double(width), needed.height / Double(height))
            let columns = Self.scaled(width, by: scale, in: 1...size.width)
            let rows = Self.scaled(height, by: scale, in: 1...size.height)
            let (left, top) = ((size.width - columns) / 2, (size.height - rows) / 2)
            needed = (Double(columns), Double(rows))
            kind = .padded(ImageArea(rows: top..<top + rows, columns: left..<left + columns))
        }
        var halvings = 0
        while Double(available.width >> halvings) >= 2 * needed.width
            && Double(available.height >> halvings) >= 2 * needed.height
        {
            halvings += 1
        }
        self.halvings = halvings
        original = (width, height)
        self.size = size
        flip = transform.flip
        self.random = random
    }

    /// The pixels of the result that are not padding.
    var covered: ImageArea {
        if case .padded(let area) = kind { return area }
        return ImageArea(rows: 0..<size.height, columns: 0..<size.width)
    }

    /// A scaled side; ties are rounded to even as by Python's round(), as in the original.
    private static func scaled(_ side: Int, by scale: Double, in range: ClosedRange<Int>) -> Int {
        min(max(Int((Double(side) * scale).rounded(.toNearestOrEven)), range.lowerBound), range.upperBound)
    }

    /// Crops and scales the image.
    ///
    /// - Parameters:
    ///   - picture: the image, as stored or as halved by its decoder.
    ///   - times: how often the decoder halved it.
    ///   - output: memory for the pixels of the result.
    ///   - scratch: the scratch memory of this thread.
    func run<Value: ResampledValue>(
        _ picture: PixelView<Value>, halved times: Int = 0, into output: UnsafeMutablePointer<Value>,
        scratch: CropScratch
    ) {
        defer { withExtendedLifetime(scratch) {} }
        var random = random
        switch kind {
        case .covering(let width, let height, let isRandom):
            let picture = times == 0 ? halved(picture, until: (2 * width, 2 * height), scratch) : picture
            // The geometry is that of exact halving, so that the crop does not depend on who halved the image.
            let source =
                times == 0 ? (picture.width, picture.height) : (original.width >> times, original.height >> times)
            let factor = max(width / Double(source.0), height / Double(source.1))
            let columns = Self.scaled(source.0, by: factor, in: size.width...Int.max)
            let rows = Self.scaled(source.1, by: factor, in: size.height...Int.max)
            let top = isRandom ? random.nextInteger(below: rows - size.height + 1) : (rows - size.height) / 2
            let left = isRandom ? random.nextInteger(below: columns - size.width + 1) : (columns - size.width) / 2
            scale(
                picture, halved: times, to: (columns, rows), columns: left..<left + size.width,
                rows: top..<top + size.height, mirrored: isMirrored(&random), into: output, scratch)
        case .part(let columns, let rows):
            let mirrored = isMirrored(&random)
            let resampling: Resampling
            if times == 0 {
                resampling = Resampling(
                    from: (columns.count, rows.count), to: (size.width, size.height), filter: .bicubic,
                    columns: 0..<size.width, rows: 0..<size.height, mirrored: mirrored)
            } else {
                // The part in the coordinates of the halved image, where its edges may fall between pixels.
                let unit = 1 / Double(1 << times)
                resampling = Resampling(
                    from: (picture.width, picture.height),
                    across: (Double(columns.lowerBound) * unit, Double(columns.count) * unit),
                    down: (Double(rows.lowerBound) * unit, Double(rows.count) * unit), to: size,
                    filter: .bicubic, mirrored: mirrored)
            }
            resampling.run(
                times == 0 ? picture.part(columns: columns, rows: rows) : picture, into: output,
                memory: scratch.resampling)
        case .padded(let area):
            let (width, height) = (area.columns.count, area.rows.count)
            let picture =
                times == 0 ? halved(picture, until: (2 * Double(width), 2 * Double(height)), scratch) : picture
            let whole = scratch.whole.reserve(area.count * picture.channels, of: Value.self)
            scale(
                picture, halved: times, to: (width, height), columns: 0..<width, rows: 0..<height,
                mirrored: isMirrored(&random), into: whole, scratch)
            pad(whole, area, channels: picture.channels, into: output)
        }
    }

    /// Scales an image and computes some columns and rows of the result.
    private func scale<Value: ResampledValue>(
        _ picture: PixelView<Value>, halved times: Int, to result: (columns: Int, rows: Int), columns: Range<Int>,
        rows: Range<Int>, mirrored: Bool, into output: UnsafeMutablePointer<Value>, _ scratch: CropScratch
    ) {
        let resampling: Resampling
        if times == 0 {
            resampling = Resampling(
                from: (picture.width, picture.height), to: (result.columns, result.rows), filter: .bicubic,
                columns: columns, rows: rows, mirrored: mirrored)
        } else {
            // The last column and row of a decoder's half may stand for less than a pixel.
            let unit = 1 / Double(1 << times)
            let across = Double(original.width) * unit / Double(result.columns)
            let down = Double(original.height) * unit / Double(result.rows)
            resampling = Resampling(
                from: (picture.width, picture.height),
                across: (Double(columns.lowerBound) * across, Double(columns.count) * across),
                down: (Double(rows.lowerBound) * down, Double(rows.count) * down),
                to: ImageSize(height: rows.count, width: columns.count), filter: .bicubic, mirrored: mirrored)
        }
        resampling.run(picture, into: output, memory: scratch.resampling)
    }

    /// Puts an image into an area of the result, and the middle of the range around it.
    private func pad<Value: ResampledValue>(
        _ whole: UnsafePointer<Value>, _ area: ImageArea, channels: Int, into output: UnsafeMutablePointer<Value>
    ) {
        output.update(repeating: Value.middle, count: size.area * channels)
        let count = area.columns.count * channels
        for row in area.rows.indices {
            (output + (row * size.width + area.columns.lowerBound) * channels).update(
                from: whole + (row - area.rows.lowerBound) * count, count: count)
        }
    }

    private func isMirrored(_ random: inout RandomStream) -> Bool {
        flip && random.nextUniform() < 0.5
    }

    /// Pixels of an image that are halved at once.
    private static let bandPixels = 1 << 23

    /// The image, halved by averaging while its sides have at least `limit` pixels.
    private func halved<Value: ResampledValue>(
        _ picture: PixelView<Value>, until limit: (width: Double, height: Double), _ scratch: CropScratch
    ) -> PixelView<Value> {
        var result = picture
        var (target, other) = scratch.halves
        while Double(result.width) >= limit.width && Double(result.height) >= limit.height {
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
