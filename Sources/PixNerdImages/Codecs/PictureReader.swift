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
    /// Whether EXIF says that the image read last is to be shown turned or mirrored, which is ignored.
    private(set) var isTurned = false

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
        let header = try header(bytes(of: sample), name: sample.name)
        let plan = CropPlan(transform, width: header.width, height: header.height, size: size, random: random)
        try withPicture(header, halvings: fastDecode ? plan.halvings : 0) { picture, halvings in
            plan.run(picture, halved: halvings, into: output, scratch: scratch)
        }
    }

    /// Reads an image at its own size.
    ///
    /// - Throws: `PixNerdError` if the image cannot be read, or is only one pixel wide or high.
    func read(_ sample: ImageCollection.Sample) throws -> RGBImage {
        defer { withExtendedLifetime(self) {} }
        let header = try header(bytes(of: sample), name: sample.name)
        let size = header.width * header.height * 3
        // Decoded in place, as two copies of a large image would take gigabytes.
        let bytes = try LargePictures.withRoom(size, name: sample.name) {
            try [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
                if let memory = buffer.baseAddress { try decode(header, halvings: 0, into: memory) }
                count = size
            }
        }
        return RGBImage(width: header.width, height: header.height, pixels: bytes)
    }

    /// Checks that the pixels of an image can be decoded, at an eighth of their size if it is a JPEG file.
    ///
    /// - Throws: `PixNerdError` if they cannot.
    func check(_ bytes: UnsafeRawBufferPointer, name: String) throws {
        defer { withExtendedLifetime(self) {} }
        try withPicture(header(bytes, name: name), halvings: 3) { _, _ in }
    }

    /// The bytes of an image file, valid until the next one is read.
    func bytes(of sample: ImageCollection.Sample) throws -> UnsafeRawBufferPointer {
        let range = sample.range.map { (offset: $0.lowerBound, count: $0.count) }
        return try readPicture(ofFile: sample.path, range: range, into: file)
    }

    /// What is known of an image before it is decoded.
    private struct Header {
        let bytes: UnsafeRawBufferPointer
        let name: String
        let width: Int
        let height: Int
        /// Nil for a PNG file.
        let jpeg: JPEGLayout?
    }

    private func header(_ bytes: UnsafeRawBufferPointer, name: String) throws -> Header {
        let header: Header
        switch ImageFormat(signatureOf: bytes) {
        case .jpeg:
            let (width, height, layout) = try JPEGDecoder.layout(of: bytes, name: name)
            header = Header(bytes: bytes, name: name, width: width, height: height, jpeg: layout)
        case .png:
            let (width, height) = try sizeOfPNG(bytes, name: name)
            header = Header(bytes: bytes, name: name, width: width, height: height, jpeg: nil)
        case let format:
            throw format.refusal(name: name, isEmpty: bytes.isEmpty)
        }
        try Self.checkSides(header.width, header.height, name: name)
        isTurned = header.jpeg?.isTurned ?? PNGChunks.isTurned(bytes)
        return header
    }

    /// Decodes an image.
    ///
    /// - Parameters:
    ///   - halvings: how often a JPEG file may be halved during decoding.
    ///   - body: receives the image, valid until the call ends, and how often it was halved.
    private func withPicture<Result>(
        _ header: Header, halvings: Int = 0, _ body: (PixelView, _ halvings: Int) throws -> Result
    ) throws -> Result {
        defer { withExtendedLifetime(self) {} }
        let times = header.jpeg == nil ? 0 : min(halvings, 3)
        let width = JPEGDecoder.halved(header.width, times: times)
        let height = JPEGDecoder.halved(header.height, times: times)
        let size = width * height * 3
        return try LargePictures.withRoom(size, name: header.name) {
            let memory = pixels.reserve(size)
            // What is huge is freed at once, not kept for the next image.
            defer { if size > 1 << 28 { _ = pixels.reserve(0) } }
            try decode(header, halvings: times, into: memory)
            return try body(PixelView(memory, width: width, height: height), times)
        }
    }

    private func decode(_ header: Header, halvings: Int, into memory: UnsafeMutablePointer<UInt8>) throws {
        let (width, height) = (header.width, header.height)
        guard let layout = header.jpeg else {
            try decodePNG(header.bytes, width: width, height: height, into: memory, name: header.name)
            return
        }
        try jpeg.decode(
            header.bytes, width: width, height: height, components: layout.components, halvings: halvings,
            isQuick: fastDecode, into: memory, name: header.name)
    }

    /// Refuses single pixels and lines of pixels, which are mostly tracking pixels or rules from web pages.
    private static func checkSides(_ width: Int, _ height: Int, name: String) throws {
        guard width > 1 && height > 1 else {
            throw PixNerdError(
                .unsupported, "\(name)", found: "has \(width) x \(height) pixels", expected: "at least 2 on each side")
        }
    }
}
