import CPixNerdTurboJPEG
import CPixNerdWebP
import PixNerdSupport

/// A format that loses detail for smaller files.
public enum LossyFormat: String, Sendable, CaseIterable {
    case jpeg
    case webp
}

extension ImageFile {
    /// The image as the bytes of a file that loses detail.
    ///
    /// - Parameter quality: From 1, for the smallest file, to 100. JPEG keeps colours at half the resolution below 90.
    /// - Throws: `PixNerdError` if a side is longer than the format allows (JPEG 65,500 and WebP 16,383 pixels), or there
    ///   is not enough memory.
    public static func encode(_ image: RGBImage, as format: LossyFormat, quality: Int) throws -> [UInt8] {
        precondition((1...100).contains(quality), "ImageFile: quality \(quality)")
        let most = format == .jpeg ? 65_500 : Int(WEBP_MAX_DIMENSION)
        guard max(image.width, image.height) <= most else {
            throw PixNerdError(
                .unsupported,
                found: "An image of \(image.width) x \(image.height) pixels is too large for \(format.rawValue)",
                expected: "at most \(most) pixels on each side", advice: "use png")
        }
        return switch format {
        case .jpeg: try encodedJPEG(image, quality: quality)
        case .webp: try encodedWebP(image, quality: quality)
        }
    }
}

private let noMemory = PixNerdError(
    .system, found: "There is not enough memory to write an image", advice: "use smaller images")

private func encodedJPEG(_ image: RGBImage, quality: Int) throws -> [UInt8] {
    guard let handle = tjInitCompress() else { throw noMemory }
    defer { tjDestroy(handle) }
    var (bytes, count): (UnsafeMutablePointer<UInt8>?, UInt) = (nil, 0)
    defer { tjFree(bytes) }
    let status = image.pixels.withUnsafeBufferPointer { pixels in
        tjCompress2(
            handle, pixels.baseAddress, Int32(image.width), 0, Int32(image.height), Int32(TJPF_RGB.rawValue), &bytes,
            &count, Int32((quality < 90 ? TJSAMP_420 : TJSAMP_444).rawValue), Int32(quality), TJFLAG_ACCURATEDCT)
    }
    guard status == 0, let bytes else { throw noMemory }
    return Array(UnsafeBufferPointer(start: bytes, count: Int(count)))
}

private func encodedWebP(_ image: RGBImage, quality: Int) throws -> [UInt8] {
    var bytes: UnsafeMutablePointer<UInt8>?
    defer { WebPFree(bytes) }
    let count = image.pixels.withUnsafeBufferPointer { pixels in
        WebPEncodeRGB(
            pixels.baseAddress, Int32(image.width), Int32(image.height), Int32(3 * image.width), Float(quality), &bytes)
    }
    guard count > 0, let bytes else { throw noMemory }
    return Array(UnsafeBufferPointer(start: bytes, count: count))
}
