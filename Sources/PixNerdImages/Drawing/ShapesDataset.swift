import Foundation
import PixNerdSupport
import PixNerdTensors

/// A labelled dataset generated from a seed: coloured shapes on plain backgrounds, one class per silhouette.
///
/// It needs no download, and a small model learns it at 32 x 32 pixels in minutes on a CPU. Colours, position, size and
/// a slight rotation vary.
public enum ShapesDataset {
    /// Where the shape of an image lies.
    public enum Placement: Sendable {
        /// Near the centre, and large.
        case centred
        /// Anywhere that it fits, from a quarter to three quarters of the image wide.
        case scattered
    }

    /// The names of the classes, by label, which are also the names of the folders.
    public static let classes = ShapeOutline.allCases.map(\.rawValue)

    /// Writes `imagesPerClass` images of each class as `directory/class/00001.png` and so on.
    ///
    /// An image depends only on the seed, its class and its number, so a larger dataset from the same seed begins with
    /// the images of the smaller one. The pixels are the same on every machine.
    ///
    /// - Parameters:
    ///   - directory: the output folder; created if missing, and refused if it is not empty.
    ///   - imagesPerClass: number of images per class, 1 to 10,000,000.
    ///   - size: the side of an image in pixels, 8 to 4096.
    ///   - seed: the seed of the dataset.
    ///   - placement: where the shapes lie.
    /// - Throws: `PixNerdError` if a number is out of range, if `directory` is a file or is not empty, or if something
    ///   cannot be written.
    public static func write(
        to directory: String, imagesPerClass: Int, size: Int, seed: UInt64, placement: Placement = .centred
    ) throws {
        guard (1...10_000_000).contains(imagesPerClass) else {
            throw PixNerdError(
                .invalidValue, found: "\(imagesPerClass) images per class were requested",
                expected: "at least 1 and at most 10000000")
        }
        guard (8...4096).contains(size) else {
            throw PixNerdError(
                .invalidValue, found: "images of \(size) x \(size) pixels were requested",
                expected: "a side of 8 to 4096")
        }
        try makeFolders(classes, in: directory)
        let failure = FirstFailure()
        DispatchQueue.concurrentPerform(iterations: imagesPerClass) { index in
            guard failure.error == nil else { return }
            let name = (index + 1).zeroPadded(to: 5) + ".png"
            for (label, folder) in classes.enumerated() {
                do {
                    let image = picture(
                        label: label, index: index, size: size, seed: seed, placement: placement)
                    try ImageFile.writePNG(image, to: joined(joined(directory, folder), name))
                } catch {
                    failure.keep(error)
                }
            }
        }
        if let error = failure.error { throw error }
    }

    /// One image of the dataset.
    ///
    /// - Parameters:
    ///   - label: the class, an index into `classes`.
    ///   - index: the number of the image in its class, from 0.
    ///   - size: the side in pixels, at least 1.
    ///   - seed: the seed of the dataset.
    ///   - placement: where the shape lies.
    public static func picture(
        label: Int, index: Int, size: Int, seed: UInt64, placement: Placement = .centred
    ) -> RGBImage {
        let outlines = ShapeOutline.allCases
        precondition(outlines.indices.contains(label), "ShapesDataset: there is no class \(label)")
        var stream = RandomStream(seed: seed, purpose: .shapes, index: index * outlines.count + label)
        var scene = ShapeScene(outline: outlines[label], drawnFrom: &stream)
        if placement == .scattered { scene = scene.scattered(by: &stream) }
        return scene.rendered(size: size)
    }

    /// Checks that a folder does not exist or is empty.
    private static func expectNewFolder(_ directory: String) throws {
        let manager = FileManager.default
        var isFolder: ObjCBool = false
        guard manager.fileExists(atPath: directory, isDirectory: &isFolder) else { return }
        guard isFolder.boolValue else {
            throw PixNerdError(
                .alreadyExists, "\(directory)", found: "is a file", expected: "a new folder for the pictures")
        }
        guard try manager.contentsOfDirectory(atPath: directory).isEmpty else {
            throw PixNerdError(
                .alreadyExists, "The folder \(directory)", found: "is not empty",
                advice: "name a new one, or empty it first")
        }
    }

    static func makeFolders(_ names: [String], in directory: String) throws {
        try expectNewFolder(directory)
        for name in names {
            do {
                try FileManager.default.createDirectory(
                    atPath: joined(directory, name), withIntermediateDirectories: true)
            } catch {
                throw PixNerdError(
                    .system, "The folder \(joined(directory, name))", found: "cannot be made: \(systemReason())")
            }
        }
    }
}

/// The first error of parallel work.
///
/// `@unchecked Sendable`: the error is accessed only while the lock is held.
final class FirstFailure: @unchecked Sendable {
    private let lock = NSLock()
    private var first: (any Error)?

    var error: (any Error)? { lock.withLock { first } }

    func keep(_ error: any Error) {
        lock.withLock { if first == nil { first = error } }
    }
}
