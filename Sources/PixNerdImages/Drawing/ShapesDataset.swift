import Foundation
import PixNerdSupport
import PixNerdTensors

/// A labelled dataset made from a seed: coloured shapes on plain backgrounds, a class for each silhouette.
///
/// It needs no download, and a small model learns it at 32 x 32 pixels in minutes on a CPU. Colours, place, size and a
/// slight rotation vary; the shape is large and near the middle.
public enum ShapesDataset {
    /// The names of the classes by label, which are also the names of the folders.
    public static let classes = ShapeOutline.allCases.map(\.rawValue)

    /// Writes `imagesPerClass` pictures of every class as `directory/class/00001.png` and so on.
    ///
    /// A picture depends on the seed, its class and its number alone: a larger dataset from the same seed begins with
    /// the pictures of the smaller one. The pixels are the same on every machine.
    ///
    /// - Parameters:
    ///   - directory: where to; made if missing, and refused if there is something in it.
    ///   - imagesPerClass: how many pictures of each class, at least 1.
    ///   - size: the side of a picture in pixels, at least 8.
    ///   - seed: decides everything about the pictures.
    /// - Throws: `PixNerdError` when a number is out of range, when `directory` is a file or is not empty, or when
    ///   something cannot be written.
    public static func write(to directory: String, imagesPerClass: Int, size: Int, seed: UInt64) throws {
        guard imagesPerClass >= 1 else {
            throw ImageError("\(imagesPerClass) pictures of each class were asked for: expected at least 1.")
        }
        guard (8...4096).contains(size) else {
            throw ImageError("Pictures of \(size) x \(size) pixels were asked for: expected a side of 8 to 4096.")
        }
        try makeFolders(in: directory)
        let failure = FirstFailure()
        DispatchQueue.concurrentPerform(iterations: imagesPerClass) { index in
            guard failure.error == nil else { return }
            let name = (index + 1).zeroPadded(to: 5) + ".png"
            for (label, folder) in classes.enumerated() {
                do {
                    let image = picture(label: label, index: index, size: size, seed: seed)
                    try ImageFile.writePNG(image, to: joined(joined(directory, folder), name))
                } catch {
                    failure.keep(error)
                }
            }
        }
        if let error = failure.error { throw error }
    }

    /// One picture of the dataset.
    ///
    /// - Parameters:
    ///   - label: the class, an index into `classes`.
    ///   - index: the number of the picture in its class, from 0.
    ///   - size: the side in pixels, at least 1.
    ///   - seed: the seed of the dataset.
    public static func picture(label: Int, index: Int, size: Int, seed: UInt64) -> RGBImage {
        let outlines = ShapeOutline.allCases
        precondition(outlines.indices.contains(label), "ShapesDataset: there is no class \(label)")
        var stream = RandomStream(seed: seed, purpose: .shapes, index: index * outlines.count + label)
        return ShapeScene(outline: outlines[label], drawnFrom: &stream).rendered(size: size)
    }

    private static func makeFolders(in directory: String) throws {
        let manager = FileManager.default
        var isFolder: ObjCBool = false
        if manager.fileExists(atPath: directory, isDirectory: &isFolder) {
            guard isFolder.boolValue else {
                throw ImageError("\(directory) is a file: expected a new folder for the pictures.")
            }
            guard try manager.contentsOfDirectory(atPath: directory).isEmpty else {
                throw ImageError("The folder \(directory) is not empty: name a new one, or empty it first.")
            }
        }
        for name in classes {
            do {
                try manager.createDirectory(atPath: joined(directory, name), withIntermediateDirectories: true)
            } catch {
                throw PixNerdError(.system, "The folder \(joined(directory, name))", found: "cannot be made: \(systemReason())")
            }
        }
    }
}

/// The first error of work that is done in parallel.
///
/// `@unchecked Sendable`: the error is touched only while the lock is held.
private final class FirstFailure: @unchecked Sendable {
    private let lock = NSLock()
    private var first: (any Error)?

    var error: (any Error)? { lock.withLock { first } }

    func keep(_ error: any Error) {
        lock.withLock { if first == nil { first = error } }
    }
}
