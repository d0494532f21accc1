/// What the headers of a picture file say, whether or not the pixels can be decoded.
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
    /// Alpha or a transparent colour, which is dropped when the picture is read.
    let hasAlpha: Bool
    /// More than eight bits for a value; the lower ones are dropped when the picture is read.
    let isDeep: Bool

    /// Nil when the bytes are not those of a PNG or JPEG file, or lack the headers.
    init?(_ bytes: UnsafeRawBufferPointer) {
        switch ImageFormat(signatureOf: bytes) {
        case .jpeg:
            let layout = JPEGLayout(bytes)
            guard let size = layout.size else { return nil }
            (width, height) = size
            color = layout.components == 1 ? .grey : layout.components == 4 ? .cmyk : .rgb
            (isJPEG, hasAlpha, isDeep) = (true, false, false)
        case .png:
            guard bytes.count >= 33 else { return nil }
            (width, height) = (Self.word(bytes, 16), Self.word(bytes, 20))
            let kind = bytes[25]
            color = kind == 3 ? .palette : kind & 2 == 0 ? .grey : .rgb
            hasAlpha = kind & 4 != 0 || Self.hasTransparentColor(bytes)
            (isJPEG, isDeep) = (false, bytes[24] == 16)
        default: return nil
        }
    }

    /// Whether there is a tRNS chunk, which stands before the first pixels.
    private static func hasTransparentColor(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var position = 8
        while position + 8 <= bytes.count {
            let name = bytes[position + 4..<position + 8]
            if name.elementsEqual("tRNS".utf8) { return true }
            if name.elementsEqual("IDAT".utf8) { return false }
            position += 12 + word(bytes, position)
        }
        return false
    }

    private static func word(_ bytes: UnsafeRawBufferPointer, _ position: Int) -> Int {
        (0..<4).reduce(0) { $0 << 8 | Int(bytes[position + $1]) }
    }
}
