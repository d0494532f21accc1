import PixNerdSupport

/// The format of a file, determined by its first bytes.
enum ImageFormat: Equatable {
    case png
    case jpeg
    case webp
    case tiff
    case bmp
    /// A NumPy array.
    case npy
    /// A well-known unsupported format, with its article: "a GIF".
    case other(String)
    case unknown

    var isReadable: Bool {
        switch self {
        case .png, .jpeg, .webp, .tiff, .bmp, .npy: true
        case .other, .unknown: false
        }
    }

    /// The usual name of the format.
    var name: String {
        switch self {
        case .png: "PNG"
        case .jpeg: "JPEG"
        case .webp: "WebP"
        case .tiff: "TIFF"
        case .bmp: "BMP"
        case .npy: "NumPy"
        case .other(let name): name
        case .unknown: "unknown"
        }
    }

    /// The formats that are read, for messages.
    static let readable = "PNG, JPEG, WebP, TIFF, BMP or NumPy (.npy)"

    /// The error for a file of an unsupported format.
    func refusal(name: String, isEmpty: Bool) -> PixNerdError {
        if case .other(let format) = self {
            return PixNerdError(
                .unsupported, "\(name)", found: "is \(format), which cannot be read",
                advice: "convert it to PNG or JPEG")
        }
        return PixNerdError(
            .malformed, "\(name)", found: isEmpty ? "is an empty file" : "is not a picture",
            expected: "the contents of a \(Self.readable) file")
    }

    init(signatureOf bytes: UnsafeRawBufferPointer) {
        let signature = FileSignature(bytes)
        if signature.begins([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
            self = .png
        } else if signature.begins([0xFF, 0xD8, 0xFF]) {
            self = .jpeg
        } else if signature.begins("RIFF") && signature.begins("WEBP", at: 8) {
            self = .webp
        } else if ["II*\0", "MM\0*", "II+\0", "MM\0+"].contains(where: { signature.begins($0) }) {
            self = .tiff
        } else if signature.begins([0x93] + Array("NUMPY".utf8)) {
            self = .npy
        } else if signature.begins("BM") {
            self = .bmp
        } else if let name = Self.name(signature) {
            self = .other(name)
        } else {
            self = .unknown
        }
    }

    private static func name(_ signature: FileSignature) -> String? {
        if signature.begins("GIF8") { return "a GIF" }
        if signature.begins("ftypavi", at: 4) { return "an AVIF image" }
        if ["ftyphei", "ftyphev", "ftypmif1", "ftypmsf1"].contains(where: { signature.begins($0, at: 4) }) {
            return "a HEIF image"
        }
        if signature.begins("\0\0\0\u{C}jP  ") || signature.begins([0xFF, 0x4F, 0xFF]) {
            return "a JPEG 2000 image"
        }
        if signature.begins("\0\0\0\u{C}JXL ") || signature.begins([0xFF, 0x0A]) {
            return "a JPEG XL image"
        }
        return nil
    }
}

/// The first bytes of a file.
struct FileSignature {
    /// Enough bytes for every format that is recognized here, of which tar's is the last.
    static let length = 265

    private let bytes: UnsafeRawBufferPointer

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    func begins(_ signature: [UInt8], at offset: Int = 0) -> Bool {
        bytes.count >= offset + signature.count
            && bytes[offset..<offset + signature.count].elementsEqual(signature)
    }

    func begins(_ text: String, at offset: Int = 0) -> Bool { begins(Array(text.utf8), at: offset) }
}
