import Foundation

/// Facts from the marker segments of a JPEG file, read without decoding.
///
/// TurboJPEG alone cannot distinguish a file that ends early from one with harmless oddities (it reports only its first
/// warning), and it does not report the size of files with unusual chroma subsampling, although it can decode them.
struct JPEGLayout {
    /// Columns and rows of the frame; nil if no frame header was found.
    private(set) var size: (width: Int, height: Int)?
    /// Number of colour components: 1 for grey, 3 for colour, 4 for CMYK or YCCK.
    private(set) var components = 0
    /// Whether an end-of-image marker was found.
    private(set) var isComplete = false
    /// The orientation that EXIF gives.
    private(set) var orientation = PictureOrientation.asStored
    /// The name of the embedded colour profile; nil for none.
    private(set) var profile: String?

    init(_ bytes: UnsafeRawBufferPointer) {
        var position = 2
        while let marker = Self.nextMarker(in: bytes, from: &position) {
            switch marker {
            case 0xD9:
                isComplete = true
                return
            case 0x01, 0xD0...0xD7:
                // Markers without a segment.
                continue
            default:
                guard position + 2 <= bytes.count else { return }
                let length = Self.word(bytes, position)
                guard length >= 2, position + length <= bytes.count else { return }
                if Self.isFrameHeader(marker) && length >= 8 && size == nil {
                    size = (width: Self.word(bytes, position + 5), height: Self.word(bytes, position + 3))
                    components = Int(bytes[position + 7])
                }
                let segment = UnsafeRawBufferPointer(rebasing: bytes[position + 2..<position + length])
                if marker == 0xE1, orientation == .asStored {
                    orientation = EXIF.orientation(inSegment: segment) ?? .asStored
                }
                if marker == 0xE2, profile == nil, FileSignature(segment).begins("ICC_PROFILE\0"), segment.count > 14 {
                    profile = ColorProfile.name(UnsafeRawBufferPointer(rebasing: segment[14...]))
                }
                position += length
            }
        }
    }

    /// The next marker at or after `position`, which is moved past it; nil at the end of the bytes.
    ///
    /// Skips entropy-coded data, in which 0xFF is followed by a zero, and fill bytes before a marker.
    private static func nextMarker(in bytes: UnsafeRawBufferPointer, from position: inout Int) -> UInt8? {
        while position + 1 < bytes.count {
            // Most of a file is data between markers, so the search has to be fast.
            guard let found = memchr(bytes.baseAddress! + position, 0xFF, bytes.count - 1 - position) else { break }
            position = bytes.baseAddress!.distance(to: UnsafeRawPointer(found)) + 1
            let marker = bytes[position]
            if marker == 0xFF { continue }
            position += 1
            if marker != 0 { return marker }
        }
        return nil
    }

    /// Whether a marker is one of SOF0 to SOF15. The three numbers excluded are other segments.
    private static func isFrameHeader(_ marker: UInt8) -> Bool {
        (0xC0...0xCF).contains(marker) && marker != 0xC4 && marker != 0xC8 && marker != 0xCC
    }

    private static func word(_ bytes: UnsafeRawBufferPointer, _ position: Int) -> Int {
        Int(bytes[position]) << 8 | Int(bytes[position + 1])
    }
}
