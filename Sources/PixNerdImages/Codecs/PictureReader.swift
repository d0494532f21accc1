import Foundation
import PixNerdSupport
import PixNerdTensors

/// Reads and crops the images of a collection, reusing its memory from image to image.
///
/// For use by one thread at a time.
final class PictureReader {
    /// Whether JPEG files are decoded at 1/2, 1/4 or 1/8 of their size where that suffices.
    private let fastDecode: Bool
    private let file = ByteBlock()
    private let pixels = ByteBlock()
    private let scratch = CropScratch()
    private let jpeg = JPEGDecoder()

    // See ByteBlock.
    @inline(never)
    init(fastDecode: Bool) {
        self.fastDecode = fastDecode
    }

    /// Reads an image and transforms it to a square.
    ///
    /// - Parameters:
    ///   - sample: the image to read.
    ///   - transform: cropping and flipping.
    ///   - size: the side of the square in pixels.
    ///   - random: the random numbers of this image.
    ///   - output: memory for `size * size * 3` bytes.
    /// - Throws: `PixNerdError` if the image cannot be read, or is only one pixel wide or high.
    func read(
        _ sample: ImageCollection.Sample, transform: ImageTransform, size: Int, random: RandomStream,
        into output: UnsafeMutablePointer<UInt8>
    ) throws {
        // Pointers into the blocks of this object are in use until the end, here and below.
        defer { withExtendedLifetime(self) {} }
        var plan: CropPlan?
        let (picture, halvings) = try decode(bytes(of: sample), name: sample.name) { width, height in
            let made = CropPlan(transform, width: width, height: height, size: size, random: random)
            plan = made
            return fastDecode ? made.halvings : 0
        }
        plan!.run(picture, halved: halvings, into: output, scratch: scratch)
    }

    /// Reads an image at its own size.
    ///
    /// - Throws: `PixNerdError` if the image cannot be read, or is only one pixel wide or high.
    func read(_ sample: ImageCollection.Sample) throws -> RGBImage {
        defer { withExtendedLifetime(self) {} }
        let (picture, _) = try decode(bytes(of: sample), name: sample.name) { _, _ in 0 }
        let count = picture.width * picture.height * 3
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            picture.copy(to: buffer.baseAddress!)
            initialized = count
        }
        return RGBImage(width: picture.width, height: picture.height, pixels: bytes)
    }

    /// The bytes of an image file, valid until the next one is read.
    func bytes(of sample: ImageCollection.Sample) throws -> UnsafeRawBufferPointer {
        let range = sample.range.map { (offset: $0.lowerBound, count: $0.count) }
        return try readBytes(ofFile: sample.path, range: range, into: file)
    }

    /// Decodes an image.
    ///
    /// - Parameter halvings: returns, for the size of the image, how often a JPEG may be halved during decoding.
    /// - Returns: the image, valid until the next one is decoded, and how often it was halved.
    func decode(
        _ bytes: UnsafeRawBufferPointer, name: String, halvings: (_ width: Int, _ height: Int) -> Int
    ) throws -> (picture: PixelView, halvings: Int) {
        defer { withExtendedLifetime(self) {} }
        switch ImageFormat(signatureOf: bytes) {
        case .jpeg:
            let (width, height, layout) = try JPEGDecoder.layout(of: bytes, name: name)
            try Self.checkSides(width, height, name: name)
            let times = min(halvings(width, height), 3)
            let view = PixelView(
                pixels.reserve(JPEGDecoder.halved(width, times: times) * JPEGDecoder.halved(height, times: times) * 3),
                width: JPEGDecoder.halved(width, times: times), height: JPEGDecoder.halved(height, times: times))
            try jpeg.decode(
                bytes, width: width, height: height, components: layout.components, halvings: times,
                isQuick: fastDecode, into: pixels.base, name: name)
            return (view, times)
        case .png:
            let (width, height) = try sizeOfPNG(bytes, name: name)
            try Self.checkSides(width, height, name: name)
            _ = halvings(width, height)
            let memory = pixels.reserve(width * height * 3)
            try decodePNG(bytes, width: width, height: height, into: memory, name: name)
            return (PixelView(memory, width: width, height: height), 0)
        case let format:
            throw format.refusal(name: name, isEmpty: bytes.isEmpty)
        }
    }

    /// Refuses single pixels and lines of pixels, which are mostly tracking pixels or rules from web pages.
    private static func checkSides(_ width: Int, _ height: Int, name: String) throws {
        guard width > 1 && height > 1 else {
            throw PixNerdError(
                .unsupported, "\(name)", found: "has \(width) x \(height) pixels", expected: "at least 2 on each side")
        }
    }
}
