/// The image format that the extension of a file name indicates.
enum PictureExtension: Equatable {
    case readable
    /// An unsupported image format, by its extension in lower case.
    case unreadable(String)

    /// Extensions of formats that are read.
    private static let readableKinds: Set = [
        "png", "jpg", "jpeg", "jpe", "jfif", "pjpeg", "pjp", "webp", "tif", "tiff", "bmp", "dib", "npy",
    ]
    /// Extensions of unsupported image formats.
    private static let unreadableKinds: Set = [
        "apng", "arw", "avif", "cr2", "cr3", "dds", "dng", "exr", "gif", "hdr", "heic", "heif", "hif",
        "ico", "j2c", "j2k", "jp2", "jpf", "jpx", "jxl", "jxr", "nef", "orf", "pbm", "pcx", "pfm", "pgm",
        "pnm", "ppm", "psd", "qoi", "raf", "rw2", "svg", "tga",
    ]

    /// Nil if the extension is not that of an image.
    init?(of name: String) {
        guard let dot = name.utf8.lastIndex(of: UInt8(ascii: ".")) else { return nil }
        self.init(ending: name[name.utf8.index(after: dot)...])
    }

    /// - Parameter ending: the name after its dot.
    init?(ending: Substring) {
        // Most files have one of these extensions; comparing them first avoids creating a string.
        if ending == "JPEG" || ending == "jpg" || ending == "png" {
            self = .readable
            return
        }
        let kind = ending.lowercased()
        if Self.readableKinds.contains(kind) {
            self = .readable
        } else if Self.unreadableKinds.contains(kind) {
            self = .unreadable(kind)
        } else {
            return nil
        }
    }
}
