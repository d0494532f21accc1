import Foundation
import PixNerdSupport
import PixNerdTensors

/// Reads pictures of a collection and cuts squares out of them, with memory that serves picture after picture.
///
/// For one thread at a time.
final class PictureReader {
    /// Whether JPEG files are decoded at a half, a quarter or an eighth of their size where that is enough.
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

    /// Reads a picture and cuts its square.
    ///
    /// - Parameters:
    ///   - transform: which square.
    ///   - size: its side in pixels.
    ///   - random: the picture's random numbers.
    ///   - output: room for `size * size * 3` bytes.
    /// - Throws: `PixNerdError` when the picture cannot be read, or has a side of a single pixel.
    func read(
        _ sample: ImageCollection.Sample, transform: ImageTransform, size: Int, random: RandomStream,
        into output: UnsafeMutablePointer<UInt8>
    ) throws {
        // Pointers into its blocks are in use to the end, here and below.
        defer { withExtendedLifetime(self) {} }
        var plan: CropPlan?
        let (picture, halvings) = try decode(bytes(of: sample), name: sample.name) { width, height in
            let made = CropPlan(transform, width: width, height: height, size: size, random: random)
            plan = made
            return fastDecode ? made.halvings : 0
        }
        plan!.run(picture, halved: halvings, into: output, scratch: scratch)
    }

    /// Reads a picture as it is.
    ///
    /// - Throws: `PixNerdError` as above.
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

    /// The bytes of a picture's file, valid until the next one is read.
    func bytes(of sample: ImageCollection.Sample) throws -> UnsafeRawBufferPointer {
        let range = sample.range.map { (offset: $0.lowerBound, count: $0.count) }
        return try readBytes(ofFile: sample.path, range: range, into: file)
    }

    /// Decodes a picture.
    ///
    /// - Parameter halvings: is told the picture's size and says how often a JPEG may be halved while it is decoded.
    /// - Returns: the picture, valid until the next one is decoded, and how often it was halved.
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

    /// A line of pixels is no picture to learn from; most often it is a tracking pixel or a rule from a web page.
    private static func checkSides(_ width: Int, _ height: Int, name: String) throws {
        guard width > 1 && height > 1 else {
            throw ImageError("\(name) has \(width) x \(height) pixels: expected at least 2 on each side.")
        }
    }
}
