import Foundation
import PixNerdSupport
import PixNerdTensors

/// Reads and crops the images of a collection, reusing its memory from image to image.
///
/// For use by one thread at a time.
final class PictureReader {
    private let decoding: PictureDecoding
    private let file = ByteBlock()
    private let pixels = ByteBlock()
    private let turned = ByteBlock()
    private let scratch = CropScratch()
    private let decoder = PictureDecoder()
    /// The orientation that EXIF gives for the image read last.
    private(set) var orientation = PictureOrientation.asStored

    // See ByteBlock.
    @inline(never)
    init(_ decoding: PictureDecoding) {
        self.decoding = decoding
    }

    /// Reads an image and transforms it to a size.
    ///
    /// - Parameters:
    ///   - sample: the image to read.
    ///   - transform: cropping and flipping.
    ///   - size: the size of the result.
    ///   - random: the random numbers of this image.
    ///   - output: memory for the pixels of the result: bytes of 8-bit RGB, or floats of other formats, from -1 to 1.
    /// - Returns: the pixels that are not padding.
    /// - Throws: `PixNerdError` if the image cannot be read, does not fit the format, or is only one pixel wide or high.
    @discardableResult
    func read(
        _ sample: ImageCollection.Sample, transform: ImageTransform, size: ImageSize, random: RandomStream,
        into output: UnsafeMutableRawPointer
    ) throws -> ImageArea {
        // Pointers into the blocks of this object are in use until the end, here and below.
        defer { withExtendedLifetime(self) {} }
        let bytes = try bytes(of: sample)
        let header = try header(bytes, name: sample.name)
        let shown = shownSize(header)
        let plan = CropPlan(transform, width: shown.width, height: shown.height, size: size, random: random)
        if decoding.format.isRGB8 {
            let halvings = decoding.isFast && header.jpeg != nil ? min(plan.halvings, 3) : 0
            try withRGB(bytes, header, halvings: halvings, name: sample.name) { picture in
                plan.run(
                    picture, halved: halvings, into: output.assumingMemoryBound(to: UInt8.self), scratch: scratch)
            }
        } else {
            let target = output.assumingMemoryBound(to: Float.self)
            try withValues(bytes, header, name: sample.name) { picture in
                let mixesPixels = shown != size
                let pixels = UnsafeMutablePointer(mutating: picture.base)
                if mixesPixels { decoding.format.weighByOpacity(pixels, count: shown.area) }
                plan.run(picture, into: target, scratch: scratch)
                if mixesPixels { decoding.format.undoOpacity(target, count: size.area) }
            }
            for index in 0..<size.area * decoding.format.channelCount { target[index] = 2 * target[index] - 1 }
        }
        return plan.covered
    }

    /// Reads the companion of an image, and transforms it as the image.
    ///
    /// - Parameter image: the image, whose size the companion must have.
    /// - Throws: `PixNerdError` if the companion cannot be read, or has another size.
    func readCompanion(
        _ sample: ImageCollection.Sample, of image: ImageCollection.Sample, transform: ImageTransform, size: ImageSize,
        random: RandomStream, into output: UnsafeMutableRawPointer
    ) throws {
        let (own, expected) = (try shownSize(sample), try shownSize(image))
        guard own == expected else {
            throw PixNerdError(
                .mismatch, "\(sample.name)",
                found: "is \(own.text), and \(image.name), to which it belongs, \(expected.text)",
                expected: "equal sizes")
        }
        try read(sample, transform: transform, size: size, random: random, into: output)
    }

    /// The size of an image as it is shown, from its header.
    ///
    /// - Throws: `PixNerdError` if the header cannot be read, or the image is only one pixel wide or high.
    func shownSize(_ sample: ImageCollection.Sample) throws -> ImageSize {
        defer { withExtendedLifetime(self) {} }
        return try shownSize(header(bytes(of: sample), name: sample.name))
    }

    private func shownSize(_ header: PictureHeader) -> ImageSize {
        let (width, height) = applied(header).shown(width: header.width, height: header.height)
        return ImageSize(height: height, width: width)
    }

    /// Reads an image at its own size.
    ///
    /// - Throws: `PixNerdError` if the image cannot be read, or is only one pixel wide or high.
    func read(_ sample: ImageCollection.Sample) throws -> RGBImage {
        defer { withExtendedLifetime(self) {} }
        let bytes = try bytes(of: sample)
        let header = try header(bytes, name: sample.name)
        let size = header.width * header.height * 3
        // Decoded in place, as two copies of a large image would take gigabytes.
        let stored = try LargePictures.withRoom(size, name: sample.name) {
            try [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
                if let memory = buffer.baseAddress {
                    try decoder.decode(bytes, header, into: memory, name: sample.name)
                }
                count = size
            }
        }
        return RGBImage(width: header.width, height: header.height, pixels: stored).turned(applied(header))
    }

    /// Reads an image at its own size, with the values of the format.
    ///
    /// - Throws: `PixNerdError` if the image cannot be read, does not fit the format, or is only one pixel wide or high.
    func readValues(_ sample: ImageCollection.Sample) throws -> ValueImage {
        defer { withExtendedLifetime(self) {} }
        let bytes = try bytes(of: sample)
        return try withValues(bytes, header(bytes, name: sample.name), name: sample.name) { picture in
            ValueImage(
                width: picture.width, height: picture.height, format: decoding.format,
                values: UnsafeBufferPointer(
                    start: picture.base, count: picture.width * picture.height * picture.channels
                ).map { 2 * $0 - 1 })
        }
    }

    /// Reads the values that an image's file stores.
    ///
    /// - Throws: `PixNerdError` if the image cannot be read.
    func readStored(_ sample: ImageCollection.Sample) throws -> Raster {
        defer { withExtendedLifetime(self) {} }
        let bytes = try bytes(of: sample)
        let header = try header(bytes, name: sample.name)
        return try LargePictures.withRoom(header.size, name: sample.name) {
            try decoder.stored(bytes, header, name: sample.name)
        }
    }

    /// Checks that the pixels of an image can be decoded: a large JPEG file at a half to an eighth of its size.
    ///
    /// - Returns: what the header says, and what is kept to find the image again.
    /// - Throws: `PixNerdError` if they cannot.
    func check(
        _ bytes: UnsafeRawBufferPointer, name: String
    ) throws -> (header: PictureHeader, trace: ImageTrace) {
        defer { withExtendedLifetime(self) {} }
        let header = try header(bytes, name: name)
        guard header.jpeg != nil else {
            let stored = try LargePictures.withRoom(header.size, name: name) {
                try decoder.stored(bytes, header, name: name)
            }
            return (header, stored.trace(file: bytes))
        }
        let halvings = (0..<3).prefix { min(header.width, header.height) >> ($0 + 1) >= 4 * ImageTrace.side }.count
        let trace = try withRGB(bytes, header, halvings: halvings, name: name) { picture in
            ImageTrace(file: bytes, width: picture.width, height: picture.height) { x, y, color in
                Float(picture.base[y * picture.stride + 3 * x + color])
            }
        }
        return (header, trace)
    }

    /// The bytes of an image file, valid until the next one is read.
    func bytes(of sample: ImageCollection.Sample) throws -> UnsafeRawBufferPointer {
        let range = sample.range.map { (offset: $0.lowerBound, count: $0.count) }
        return try readPicture(ofFile: sample.path, range: range, into: file)
    }

    private func header(_ bytes: UnsafeRawBufferPointer, name: String) throws -> PictureHeader {
        let header = try PictureHeader(bytes, name: name)
        try Self.checkSides(header.width, header.height, name: name)
        orientation = header.orientation
        return header
    }

    /// The orientation that an image is turned by.
    private func applied(_ header: PictureHeader) -> PictureOrientation {
        decoding.exif == .apply ? header.orientation : .asStored
    }

    /// Decodes an image to 8-bit RGB and turns it.
    ///
    /// - Parameters:
    ///   - halvings: how often a JPEG file is halved during decoding.
    ///   - body: receives the image, valid until the call ends.
    private func withRGB<Result>(
        _ bytes: UnsafeRawBufferPointer, _ header: PictureHeader, halvings: Int = 0, name: String,
        _ body: (PixelView<UInt8>) throws -> Result
    ) throws -> Result {
        let width = JPEGDecoder.halved(header.width, times: halvings)
        let height = JPEGDecoder.halved(header.height, times: halvings)
        let size = width * height * 3
        return try LargePictures.withRoom(size, name: name) {
            let memory = pixels.reserve(size)
            defer { giveBackIfHuge(size) }
            try decoder.decode(
                bytes, header, halvings: halvings, isQuick: decoding.isFast, into: memory, name: name)
            return try withTurned(memory, header, width: width, height: height, channels: 3, body)
        }
    }

    /// Decodes an image to the values of the format, from 0 to 1, and turns it.
    private func withValues<Result>(
        _ bytes: UnsafeRawBufferPointer, _ header: PictureHeader, name: String,
        _ body: (PixelView<Float>) throws -> Result
    ) throws -> Result {
        let channels = decoding.format.channelCount
        let count = header.width * header.height * channels
        return try LargePictures.withRoom(header.size + 4 * count, name: name) {
            let memory = pixels.reserve(count, of: Float.self)
            defer { giveBackIfHuge(4 * count) }
            try decoder.stored(bytes, header, name: name).writeValues(decoding.format, into: memory, name: name)
            return try withTurned(memory, header, width: header.width, height: header.height, channels: channels, body)
        }
    }

    /// Calls `body` with the image as it is to be shown.
    private func withTurned<Value: BitwiseCopyable, Result>(
        _ memory: UnsafeMutablePointer<Value>, _ header: PictureHeader, width: Int, height: Int, channels: Int,
        _ body: (PixelView<Value>) throws -> Result
    ) throws -> Result {
        let orientation = applied(header)
        guard orientation != .asStored else {
            return try body(PixelView(memory, width: width, height: height, channels: channels))
        }
        let target = turned.reserve(width * height * channels, of: Value.self)
        orientation.turn(
            memory, width: width, height: height, pixelSize: channels * MemoryLayout<Value>.stride, into: target)
        let shown = orientation.shown(width: width, height: height)
        return try body(PixelView(target, width: shown.width, height: shown.height, channels: channels))
    }

    /// Frees what is huge at once, instead of keeping it for the next image.
    private func giveBackIfHuge(_ size: Int) {
        guard size > 1 << 28 else { return }
        _ = pixels.reserve(0)
        _ = turned.reserve(0)
    }

    /// Refuses single pixels and lines of pixels, which are mostly tracking pixels or rules from web pages.
    private static func checkSides(_ width: Int, _ height: Int, name: String) throws {
        guard width > 1 && height > 1 else {
            throw PixNerdError(
                .unsupported, "\(name)", found: "has \(width) x \(height) pixels", expected: "at least 2 on each side")
        }
    }
}
