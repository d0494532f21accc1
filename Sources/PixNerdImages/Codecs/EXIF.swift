/// The orientation in the EXIF data of an image, which is noted and ignored.
enum EXIF {
    /// Whether an APP1 segment of a JPEG file says that the picture is to be shown turned or mirrored.
    static func isTurned(inSegment segment: UnsafeRawBufferPointer) -> Bool {
        guard FileSignature(segment).begins("Exif\0\0") else { return false }
        return isTurned(UnsafeRawBufferPointer(rebasing: segment[6...]))
    }

    /// Whether EXIF data, which have the layout of a TIFF file, hold an orientation other than 1.
    static func isTurned(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let isLittle = FileSignature(bytes).begins("II")
        guard isLittle || FileSignature(bytes).begins("MM") else { return false }
        func number(_ position: Int, _ count: Int) -> Int? {
            guard position >= 0, position <= bytes.count - count else { return nil }
            let digits = bytes[position..<position + count]
            return isLittle
                ? digits.reversed().reduce(0) { $0 << 8 | Int($1) } : digits.reduce(0) { $0 << 8 | Int($1) }
        }
        guard let directory = number(4, 4), let entries = number(directory, 2) else { return false }
        for entry in 0..<entries {
            let position = directory + 2 + 12 * entry
            guard let tag = number(position, 2), let value = number(position + 8, 2) else { return false }
            if tag == 0x112 { return (2...8).contains(value) }
        }
        return false
    }
}

/// Facts from the chunks of a PNG file, read without decoding.
enum PNGChunks {
    /// Whether there is a tRNS chunk before the pixel data.
    static func hasTransparentColor(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var found = false
        forEach(bytes) { name, _ in
            found = name.elementsEqual("tRNS".utf8)
            return !found && !name.elementsEqual("IDAT".utf8)
        }
        return found
    }

    /// Whether an eXIf chunk says that the picture is to be shown turned or mirrored.
    static func isTurned(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var found = false
        forEach(bytes) { name, content in
            guard name.elementsEqual("eXIf".utf8) else { return true }
            found = EXIF.isTurned(content)
            return false
        }
        return found
    }

    /// Calls `body` with the name and the content of each chunk, until it returns false.
    private static func forEach(
        _ bytes: UnsafeRawBufferPointer,
        _ body: (_ name: Slice<UnsafeRawBufferPointer>, _ content: UnsafeRawBufferPointer) -> Bool
    ) {
        var position = 8
        while position + 8 <= bytes.count {
            let length = bytes[position..<position + 4].reduce(0) { $0 << 8 | Int($1) }
            let end = min(position + 8 + length, bytes.count)
            let content = UnsafeRawBufferPointer(rebasing: bytes[position + 8..<end])
            guard body(bytes[position + 4..<position + 8], content) else { return }
            position += 12 + length
        }
    }
}
