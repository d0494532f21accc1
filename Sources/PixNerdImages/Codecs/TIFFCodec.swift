import CPixNerdTIFFShim
import Foundation
import PixNerdSupport

extension PictureHeader {
    /// The first page of a TIFF file.
    static func tiff(_ bytes: UnsafeRawBufferPointer, name: String) throws -> PictureHeader {
        var picture = pn_tiff_picture()
        try withMessage(name: name, "is a damaged TIFF file") {
            pn_tiff_describe(bytes.assumingMemoryBound(to: UInt8.self).baseAddress, bytes.count, &picture, $0)
        }
        var header = PictureHeader(
            format: .tiff, width: Int(picture.width), height: Int(picture.height), channels: Int(picture.channels),
            element: picture.bits == 8 ? .uint8 : picture.bits == 16 ? .uint16 : .float32,
            color: picture.is_converted != 0 ? .palette : nil, hasAlpha: picture.has_alpha != 0,
            orientation: PictureOrientation(rawValue: Int(picture.orientation)) ?? .asStored)
        header.hasFurtherPages = picture.has_further_pages != 0
        header.profile = picture.has_profile != 0 ? "a profile" : nil
        return header
    }
}

/// Decodes the first page of a TIFF file, as its header told.
func decodeTIFF(_ bytes: UnsafeRawBufferPointer, _ header: PictureHeader, name: String) throws -> Raster {
    try Raster(header) { pixels in
        try withMessage(name: name, "is a damaged TIFF file") {
            pn_tiff_decode(bytes.assumingMemoryBound(to: UInt8.self).baseAddress, bytes.count, pixels, $0)
        }
    }
}

/// The bytes of a TIFF file.
func encodedTIFF(_ image: Raster) throws -> [UInt8] {
    var block: UnsafeMutablePointer<UInt8>?
    var count = 0
    try withMessage(name: "An image of \(image.width) x \(image.height) pixels", "cannot be written as TIFF") {
        message in
        image.bytes.withUnsafeBytes {
            pn_tiff_encode(
                $0.baseAddress, UInt32(image.width), UInt32(image.height), UInt32(image.channels),
                UInt32(8 * image.element.size), image.hasAlpha ? 1 : 0, &block, &count, message)
        }
    }
    defer { free(block) }
    return Array(UnsafeBufferPointer(start: block, count: count))
}

/// Calls libtiff with a buffer for its message, and throws if the status is not OK.
private func withMessage(
    name: String, _ problem: String, _ call: (UnsafeMutablePointer<CChar>) -> pn_tiff_status
) throws {
    try withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PIXNERD_TIFF_MESSAGE_SIZE)) { message in
        message.initialize(repeating: 0)
        let status = call(message.baseAddress!)
        let reason = String(cString: message.baseAddress!)
        switch status {
        case PIXNERD_TIFF_OK: return
        case PIXNERD_TIFF_UNSUPPORTED:
            throw PixNerdError(
                .unsupported, "\(name)", found: "is a TIFF file with \(reason)",
                expected: "unsigned integers of 8 or 16 bits, or floats of 32 bits")
        case PIXNERD_TIFF_NO_MEMORY:
            throw PixNerdError(
                .system, "\(name)", found: "cannot be held: there is not enough memory for the TIFF file")
        default:
            let said = reason.isEmpty ? "" : ": libtiff says \"\(reason)\""
            throw PixNerdError(.malformed, "\(name)", found: "\(problem)\(said)")
        }
    }
}
