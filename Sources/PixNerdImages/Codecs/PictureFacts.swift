/// Facts from the headers of an image file, available even if the pixels cannot be decoded.
struct PictureFacts: Sendable {
    enum Color: Sendable {
        case grey
        case rgb
        case palette
        case cmyk
    }

    let isJPEG: Bool
    let width: Int
    let height: Int
    let color: Color
    /// Whether the image has alpha or a transparent colour, which is dropped on reading.
    let hasAlpha: Bool
    /// Whether values have more than eight bits, of which the lower ones are dropped on reading.
    let isDeep: Bool
    /// Whether EXIF says that the image is to be shown turned or mirrored, which is ignored on reading.
    let isTurned: Bool

    /// Nil if the bytes are not a PNG or JPEG file, or lack the headers.
    init?(_ bytes: UnsafeRawBufferPointer) {
        switch ImageFormat(signatureOf: bytes) {
        case .jpeg:
            let layout = JPEGLayout(bytes)
            guard let size = layout.size else { return nil }
            (width, height) = size
            color = layout.components == 1 ? .grey : layout.components == 4 ? .cmyk : .rgb
            (isJPEG, hasAlpha, isDeep, isTurned) = (true, false, false, layout.isTurned)
        case .png:
            guard bytes.count >= 33 else { return nil }
            (width, height) = (Self.word(bytes, 16), Self.word(bytes, 20))
            let kind = bytes[25]
            color = kind == 3 ? .palette : kind & 2 == 0 ? .grey : .rgb
            hasAlpha = kind & 4 != 0 || PNGChunks.hasTransparentColor(bytes)
            (isJPEG, isDeep, isTurned) = (false, bytes[24] == 16, PNGChunks.isTurned(bytes))
        default: return nil
        }
    }

    private static func word(_ bytes: UnsafeRawBufferPointer, _ position: Int) -> Int {
        (0..<4).reduce(0) { $0 << 8 | Int(bytes[position + $1]) }
    }
}
