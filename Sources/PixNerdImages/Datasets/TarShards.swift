import Foundation
import PixNerdSupport
import Synchronization

/// Images in WebDataset shards: tar files in which the files of a sample are adjacent and share their name up to the
/// first dot, such as `000017.jpg` and `000017.cls`.
///
/// A sample is a `.jpg`, `.jpeg` or `.png` file and a `.cls` file with the number of its class as text. Files with
/// other extensions are skipped. The headers are read once, after which every image can be accessed directly, so that
/// training shuffles as thoroughly as with a folder. Shards must not be compressed.
///
/// Class names are the lines of a `classes.txt` or `classnames.txt` next to the first shard, or else the class numbers.
public enum TarShards {
    /// Reads the headers of shards, on several threads.
    ///
    /// - Parameter root: a `.tar` file, or several written with braces: `shards-{000..099}.tar`, `{train,extra}.tar`.
    /// - Throws: `PixNerdError` if a shard is missing, cut short, compressed or damaged, if an image has no class or a
    ///   class file no image, or if there are no images.
    public static func collection(root: String) throws -> ImageCollection {
        let (shards, paths, leftOut) = try shards(root, captions: nil)
        let samples = shards.flatMap(\.samples)
        guard !samples.isEmpty else { throw noPicture(root, leftOut, "000017.cls") }
        let classes = try classNames(beside: paths[0], count: samples.map(\.label).max()! + 1)
        return ImageCollection(root: root, classes: classes, samples: samples, leftOut: leftOut)
    }

    /// Reads the headers of shards and the captions in them, instead of classes.
    ///
    /// - Parameter found: receives the caption of each image.
    static func collection(
        root: String, captions: CaptionOptions, found: inout [FoundCaption]
    ) throws -> ImageCollection {
        let (shards, _, leftOut) = try shards(root, captions: captions)
        let samples = shards.flatMap(\.samples)
        guard !samples.isEmpty else { throw noPicture(root, leftOut, "000017.txt") }
        found = shards.flatMap(\.captions)
        return ImageCollection(root: root, classes: [root], samples: samples, leftOut: leftOut)
    }

    private static func noPicture(_ root: String, _ leftOut: LeftOut, _ partner: String) -> PixNerdError {
        PixNerdError(
            .malformed, "\(root)", found: "holds no image\(leftOut.only)",
            expected: "pairs of files such as 000017.jpg and \(partner)")
    }

    private static func shards(
        _ root: String, captions: CaptionOptions?
    ) throws -> (shards: [TarShard], paths: [String], leftOut: LeftOut) {
        let paths = try ShardPattern.paths(root)
        let results = Mutex([Result<TarShard, any Error>?](repeating: nil, count: paths.count))
        DispatchQueue.concurrentPerform(iterations: paths.count) { number in
            let result = Result { try TarShard(paths[number], captions: captions) }
            results.withLock { $0[number] = result }
        }
        let shards = try results.withLock { $0 }.map { try $0!.get() }
        var leftOut = LeftOut()
        for shard in shards { leftOut.add(shard.leftOut) }
        return (shards, paths, leftOut)
    }

    /// The names of at least `count` classes.
    private static func classNames(beside shard: String, count: Int) throws -> [String] {
        let folder = shard.lastIndex(of: "/").map { String(shard[...$0]) } ?? ""
        for file in ["classes.txt", "classnames.txt"].map({ folder + $0 })
        where isFolder(file) != nil {
            let text = String(decoding: try readBytes(ofFile: file), as: UTF8.self)
            var names = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
                .map { $0.trimmingCharacters(in: .whitespaces) }
            while names.last?.isEmpty == true { names.removeLast() }
            guard names.count >= count else {
                throw PixNerdError(
                    .mismatch, "\(file)",
                    found: "names \(counted(names.count, "class", plural: "classes")), but the shards have class "
                        + "\(count - 1)",
                    expected: "a line for each class from 0 on")
            }
            return names
        }
        return (0..<count).map(String.init)
    }
}
