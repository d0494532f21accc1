import PixNerdSupport

/// What the header of an image file says, available even if the pixels cannot be decoded.
struct PictureHeader: Sendable {
    enum Color: Sendable {
        case grey
        case rgb
        case palette
        case cmyk
        /// More or fewer channels than colours have.
        case other
    }

    let format: ImageFormat
    /// Columns as stored.
    let width: Int
    /// Rows as stored.
    let height: Int
    /// Values of a pixel that decoding gives.
    let channels: Int
    let element: Raster.Element
    let color: Color
    /// Whether the image has opacity or a transparent colour.
    let hasAlpha: Bool
    let orientation: PictureOrientation
    /// The name of the embedded colour profile, which is ignored on reading; nil for none.
    var profile: String?
    /// Whether the file has further images, which are not read.
    var hasFurtherPages = false
    /// Nil for files of other formats.
    var jpeg: JPEGLayout?

    /// The size of the image as it is shown.
    var shownSize: ImageSize {
        let shown = orientation.shown(width: width, height: height)
        return ImageSize(height: shown.height, width: shown.width)
    }

    /// Bytes of the decoded image.
    var size: Int { width * height * channels * element.size }

    /// Reads the header of an image file.
    ///
    /// - Throws: `PixNerdError` if the bytes are no image, are cut short or damaged, or claim more pixels than they can
    ///   hold or than are allowed.
    init(_ bytes: UnsafeRawBufferPointer, name: String) throws {
        switch ImageFormat(signatureOf: bytes) {
        case .jpeg: self = try Self.jpeg(bytes, name: name)
        case .png: self = try Self.png(bytes, name: name)
        case .tiff: self = try Self.tiff(bytes, name: name)
        case .webp: self = try Self.webp(bytes, name: name)
        case .bmp: self = try Self.bmp(bytes, name: name)
        case .npy: self = try Self.npy(bytes, name: name)
        case let format: throw format.refusal(name: name, isEmpty: bytes.isEmpty)
        }
        guard channels <= ImageFile.maximumChannels else {
            throw PixNerdError(
                .unsupported, "\(name)", found: "has \(channels) channels",
                expected: "at most \(ImageFile.maximumChannels)")
        }
        try ImageFile.checkSize(
            width: width, height: height, pixelSize: max(3, channels * element.size), bytes: bytes.count, name: name)
    }

    init(
        format: ImageFormat, width: Int, height: Int, channels: Int, element: Raster.Element = .uint8,
        color: Color? = nil,
        hasAlpha: Bool = false, orientation: PictureOrientation = .asStored
    ) {
        self.format = format
        self.width = width
        self.height = height
        self.channels = channels
        self.element = element
        let colors = channels - (hasAlpha ? 1 : 0)
        self.color = color ?? (colors == 1 ? .grey : colors == 3 ? .rgb : .other)
        self.hasAlpha = hasAlpha
        self.orientation = orientation
    }

    private static func jpeg(_ bytes: UnsafeRawBufferPointer, name: String) throws -> PictureHeader {
        let (width, height, layout) = try JPEGDecoder.layout(of: bytes, name: name)
        var header = PictureHeader(
            format: .jpeg, width: width, height: height, channels: layout.components == 1 ? 1 : 3,
            color: layout.components == 4 ? .cmyk : nil, orientation: layout.orientation)
        header.jpeg = layout
        header.profile = layout.profile
        return header
    }
}

/// Facts from the chunks of a PNG file.
struct PNGChunks {
    /// The orientation of an eXIf chunk.
    private(set) var orientation = PictureOrientation.asStored
    /// The name of an iCCP chunk's profile.
    private(set) var profile: String?

    init(_ bytes: UnsafeRawBufferPointer) {
        var position = 8
        while position + 8 <= bytes.count {
            let length = bytes[position..<position + 4].reduce(0) { $0 << 8 | Int($1) }
            let end = min(position + 8 + length, bytes.count)
            let content = UnsafeRawBufferPointer(rebasing: bytes[position + 8..<end])
            switch String(decoding: bytes[position + 4..<position + 8], as: UTF8.self) {
            case "iCCP":
                profile = String(content.prefix(79).prefix { $0 != 0 }.map { Character(Unicode.Scalar($0)) })
            // It may stand behind the pixels.
            case "eXIf": orientation = EXIF.orientation(content) ?? .asStored
            default: break
            }
            position += 12 + length
        }
    }
}
