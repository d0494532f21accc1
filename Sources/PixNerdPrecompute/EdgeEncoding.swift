import Foundation
import PixNerdImages
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// A folder of control pictures: the edges of all images of a collection, as grey PNG files with the images' folders and
/// names.
public struct EdgeEncoding {
    /// The hidden file that says how the edges of a folder were found.
    private static let recordName = ".edges.json"

    private struct Record: Codable, Equatable {
        let edges: String
    }

    private let detector: EdgeDetector
    private let pictures: ImageCollection
    private let path: String
    /// The file of each image's edges, relative to the folder.
    private let names: [String]

    /// Makes the folder, or takes up one that was begun in the same way.
    ///
    /// - Throws: `PixNerdError` if two images would have the same file, if the folder holds other edges, or if it cannot be
    ///   written.
    public init(_ detector: EdgeDetector, _ pictures: ImageCollection, to path: String) throws {
        (self.detector, self.pictures, self.path) = (detector, pictures, path)
        names = pictures.samples.map { pictures.companionStem(of: $0) + ".png" }
        var owner: [String: Int] = [:]
        for (place, name) in names.enumerated() {
            if let other = owner.updateValue(place, forKey: name) {
                throw PixNerdError(
                    .mismatch, "\(pictures.samples[other].name) and \(pictures.samples[place].name)",
                    found: "would both have their edges in \(name)", advice: "rename one of them")
            }
        }
        let recordPath = "\(path)/\(Self.recordName)"
        let record = Record(edges: detector.identity)
        guard let known = FileManager.default.contents(atPath: recordPath) else {
            guard try isFolder(path) == nil || FileManager.default.contentsOfDirectory(atPath: path).isEmpty else {
                throw PixNerdError(
                    .alreadyExists, "\(path)", found: "exists, and no edges were written there",
                    advice: "choose a new folder")
            }
            try makeFolder(path)
            try JSON.write(record, to: recordPath)
            return
        }
        guard JSON.value(Record.self, from: String(decoding: known, as: UTF8.self)) == record else {
            throw PixNerdError(
                .mismatch, "\(path)", found: "holds edges that were found in another way",
                advice: "choose another folder")
        }
    }

    /// Writes the edges that are missing.
    ///
    /// - Throws: `PixNerdError` if a file cannot be written, or an image is too small for the network.
    public func run(batchSize: Int, _ watcher: ShardWatcher) throws -> ShardProgress {
        let lock = try WorkLock.take("\(path)/.edges.lock", of: "\(path)", note: watcher.remark)
        defer { withExtendedLifetime(lock) {} }
        var result = ShardProgress()
        for start in stride(from: 0, to: names.count, by: batchSize) {
            if watcher.shouldStop() {
                result.isFinished = false
                return result
            }
            let batch = start..<min(start + batchSize, names.count)
            let missing = batch.filter { isFolder("\(path)/\(names[$0])") == nil }
            result.kept += batch.count - missing.count
            for (place, picture) in zip(missing, pictures.read(missing)) {
                switch picture {
                case .failure(let error): watcher.unreadable("\(error)")
                case .success(let image):
                    let file = "\(path)/\(names[place])"
                    let edges = try detector(image, name: pictures.samples[place].name)
                    try makeFolder((file as NSString).deletingLastPathComponent)
                    try ImageFile.write(edges.raster, as: .png, to: file)
                    result.written += 1
                }
            }
            watcher.progress(batch.upperBound)
        }
        return result
    }
}
