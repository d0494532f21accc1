/// The orientation in the EXIF data of an image.
enum EXIF {
    /// The orientation that an APP1 segment of a JPEG file gives; nil if it has none.
    static func orientation(inSegment segment: UnsafeRawBufferPointer) -> PictureOrientation? {
        guard FileSignature(segment).begins("Exif\0\0") else { return nil }
        return orientation(UnsafeRawBufferPointer(rebasing: segment[6...]))
    }

    /// The orientation in EXIF data, which have the layout of a TIFF file; nil if there is none.
    static func orientation(_ bytes: UnsafeRawBufferPointer) -> PictureOrientation? {
        let isLittle = FileSignature(bytes).begins("II")
        guard isLittle || FileSignature(bytes).begins("MM") else { return nil }
        func number(_ position: Int, _ count: Int) -> Int? {
            guard position >= 0, position <= bytes.count - count else { return nil }
            let digits = bytes[position..<position + count]
            return isLittle
                ? digits.reversed().reduce(0) { $0 << 8 | Int($1) } : digits.reduce(0) { $0 << 8 | Int($1) }
        }
        guard let directory = number(4, 4), let entries = number(directory, 2) else { return nil }
        for entry in 0..<entries {
            let position = directory + 2 + 12 * entry
            guard let tag = number(position, 2), let value = number(position + 8, 2) else { return nil }
            if tag == 0x112 { return PictureOrientation(rawValue: value) }
        }
        return nil
    }
}
