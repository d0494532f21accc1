import Foundation
import PixNerdCheckpoints
import PixNerdSupport
import PixNerdTensors

extension Clip {
    /// Reads a film: a folder of image files in the order of their names, an `.npz` with one array uint8 [T, H, W, 3], a GIF,
    /// or an animated PNG. The contents of a file determine its format, not the extension of its name.
    ///
    /// - Parameter most: frames that are read from the first on.
    /// - Throws: `PixNerdError` if it cannot be read, is damaged, has a single frame, or frames of different sizes.
    public static func read(_ path: String, most: Int = mostFrames) throws -> Clip {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            throw PixNerdError(
                .notFound, "\(path)", found: "does not exist",
                expected: "a folder of frames, an .npz, a GIF or an animated PNG")
        }
        if isDirectory.boolValue { return try folder(path, most) }
        let file = try MappedFile(path: path, kind: "a film")
        defer { withExtendedLifetime(file) {} }
        let bytes = file.bytes
        if bytes.starts(with: Array("PK".utf8)) { return try npz(path, most) }
        if bytes.starts(with: Array("GIF8".utf8)) {
            return try animation(decodedGIF(bytes, name: path, most: most), path)
        }
        if let frames = try AnimatedPNG(bytes, name: path)?.frames(most: most) { return try animation(frames, path) }
        let header = try PictureHeader(bytes, name: path)
        throw PixNerdError(
            .mismatch, "\(path)", found: "is a single image of \(header.width) x \(header.height) pixels",
            expected: "a folder of frames, an .npz, a GIF or an animated PNG")
    }

    private static func animation(_ frames: [Animation.Frame], _ path: String) throws -> Clip {
        let times = frames.map(\.milliseconds).sorted()
        return try checked(
            frames.map(\.picture), names: { "\(path): frame \($0 + 1)" },
            milliseconds: times.isEmpty ? usualMilliseconds : times[times.count / 2], path: path)
    }

    private static func folder(_ path: String, _ most: Int) throws -> Clip {
        let all = try ImageCollection.pictures(below: path)
        let places = Array(all.samples.indices.prefix(most))
        let size = all.firstSize ?? (1, 1)
        try checkRoom(places.count, width: size.width, height: size.height, path)
        let frames = try all.read(places).map { try $0.get() }
        return try checked(
            frames, names: { all.samples[$0].name }, milliseconds: usualMilliseconds, path: path)
    }

    private static func npz(_ path: String, _ most: Int) throws -> Clip {
        let file = try NpzFile(path: path)
        guard let name = file.names.first, file.names.count == 1, file.elementType(of: name) == .uint8,
            let shape = file.shape(of: name), shape.count == 4, shape[3] == 3, !shape.contains(0)
        else {
            let found = file.names.map { "\($0) \(file.shape(of: $0) ?? [])" }.joined(separator: ", ")
            throw PixNerdError(
                .mismatch, "\(path)", found: "holds \(found)", expected: "one array of uint8 [T, H, W, 3]")
        }
        try checkRoom(min(shape[0], most), width: shape[2], height: shape[1], path)
        try ImageFile.checkSize(width: shape[2], height: shape[1], bytes: shape[1] * shape[2] * 3, name: path)
        var frames: [RGBImage] = []
        try file.forEachRows(of: name, 1) { bytes, _ in
            guard frames.count < most else { return }
            frames.append(RGBImage(width: shape[2], height: shape[1], pixels: Array(bytes)))
        }
        return try checked(
            frames, names: { "\(path): frame \($0 + 1)" }, milliseconds: usualMilliseconds, path: path)
    }
}
