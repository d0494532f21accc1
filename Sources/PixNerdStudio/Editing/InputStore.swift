import Foundation
import PixNerdImages
import PixNerdSupport

/// The pictures and masks that clients send to be changed, in a folder, each under a fingerprint of its bytes.
struct InputStore: Sendable {
    private let folder: String
    /// Maximum number of pixels of a picture, which is checked before any of them is decoded.
    private let mostPixels: Int

    init(folder: String, mostPixels: Int = 1 << 25) { (self.folder, self.mostPixels) = (folder, mostPixels) }

    /// Keeps the bytes of an image file.
    ///
    /// - Parameter field: Name of the field of the request, for messages.
    /// - Returns: The name under which it is kept.
    /// - Throws: `StudioFailure` if they are no image that is read, or one of too many pixels.
    func add(_ bytes: [UInt8], field: String) throws -> String {
        let size: ImageSize
        do {
            size = try ImageFile.size(of: bytes, name: field)
        } catch let error as PixNerdError {
            throw StudioFailure.invalid(error.description, parameter: field)
        }
        guard size.area <= mostPixels else {
            throw StudioFailure.invalid(
                "\(field) has \(size.height) x \(size.width) pixels; at most \(mostPixels) pixels are taken.",
                parameter: field)
        }
        var fingerprint = Fingerprint()
        bytes.withUnsafeBytes { fingerprint.add($0) }
        let name = fingerprint.text
        let path = path(ofName: name)
        if !FileManager.default.fileExists(atPath: path) {
            try makeFolder(folder)
            try AtomicFile.write(bytes, to: path, isSynced: false)
        }
        return name
    }

    /// Keeps an image file that is written in base64, perhaps as a `data:` address.
    ///
    /// - Throws: `StudioFailure` if it is no such text, or no image that is read.
    func add(base64 text: String, field: String) throws -> String {
        let start = text.hasPrefix("data:") ? text.firstIndex(of: ",").map { text.index(after: $0) } : text.startIndex
        // Letters of an address may be base64 as well.
        guard !text.contains("://"), let start,
            let data = Data(base64Encoded: String(text[start...]), options: .ignoreUnknownCharacters)
        else {
            throw StudioFailure.invalid(
                "\(field) is no image file in base64; addresses are not fetched.", parameter: field)
        }
        return try add([UInt8](data), field: field)
    }

    /// The bytes of a file that is kept.
    ///
    /// - Throws: `StudioFailure` if there is none of this name.
    func bytes(_ name: String) throws -> Data {
        guard Self.isName(name), let data = FileManager.default.contents(atPath: path(ofName: name)) else {
            throw StudioFailure.notFound("There is no input '\(name.prefix(60))'.")
        }
        return data
    }

    private static func isName(_ text: String) -> Bool { text.wholeMatch(of: /[0-9a-f]{32}/) != nil }

    /// Path of a file that is kept.
    ///
    /// - Throws: `StudioFailure` if there is none of this name.
    func path(_ name: String, field: String) throws -> String {
        let path = path(ofName: name)
        guard Self.isName(name), FileManager.default.fileExists(atPath: path) else {
            throw StudioFailure.invalid(
                "\(field) is '\(name.prefix(60))', and no such picture was sent; send it to /api/inputs first.",
                parameter: field)
        }
        return path
    }

    private func path(ofName name: String) -> String { "\(folder)/\(name)" }
}
