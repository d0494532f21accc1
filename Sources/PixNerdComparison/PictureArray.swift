import Foundation
import PixNerdCheckpoints
import PixNerdImages
import PixNerdSupport

/// Images of one size in `arr_0` of an `.npz`, uint8 [N, H, W, 3].
enum PictureArray {
    private static let name = "arr_0"

    /// - Throws: `PixNerdError` naming the path.
    static func write(_ pictures: [RGBImage], to path: String) throws {
        try makeFolder(URL(fileURLWithPath: path).deletingLastPathComponent().path)
        let shape = [pictures.count, pictures[0].height, pictures[0].width, 3]
        let file = try NpzWriter(path: path, arrays: [NpzWriter.Array(name, .uint8, shape)])
        for picture in pictures { try picture.pixels.withUnsafeBytes { try file.append($0) } }
        try file.finish()
    }

    /// Bytes of an image; nil if it would have none, or too many.
    private static func size(_ height: Int, _ width: Int) -> Int? {
        guard height > 0, width > 0, height < 1 << 24, width < 1 << 24 else { return nil }
        return height * width * 3
    }

    /// - Throws: `PixNerdError` if the file holds no images.
    static func read(_ path: String) throws -> [RGBImage] {
        let file = try NpzFile(path: path)
        func malformed() -> PixNerdError {
            PixNerdError(
                .malformed, "\(path)", found: "holds no images", advice: "remove it, and run the comparison again")
        }
        guard let shape = file.shape(of: name), shape.count == 4, shape[3] == 3,
            let size = Self.size(shape[1], shape[2])
        else {
            throw malformed()
        }
        var pictures: [RGBImage] = []
        try file.forEachRows(of: name, 64) { bytes, rows in
            guard bytes.count == rows.count * size else { throw malformed() }
            for row in 0..<rows.count {
                pictures.append(
                    RGBImage(width: shape[2], height: shape[1], pixels: Array(bytes[row * size..<(row + 1) * size])))
            }
        }
        return pictures
    }
}
