import Foundation
import PixNerdSupport
import Synchronization

/// Images in WebDataset shards: tar files in which the files of a sample are adjacent and share their name up to the
/// first dot, such as `000017.jpg` and `000017.cls`.
///
/// A sample is a `.jpg`, `.jpeg` or `.png` file and a `.cls` file with the number of its class as text, or a `.json` file
/// with the number or the name of its class under a key. Files with other extensions are skipped. The headers are read
/// once, after which every image can be accessed directly, so that training shuffles as thoroughly as with a folder.
/// Shards must not be compressed.
///
/// Class names are the lines of a `classes.txt` or `classnames.txt` next to the first shard, or else the class numbers.
public enum TarShards {
    /// Reads the headers of shards, on several threads.
    ///
    /// - Parameters:
    ///   - root: a `.tar` file, or several written with braces: `shards-{000..099}.tar`, `{train,extra}.tar`.
    ///   - options: where the classes come from: the shards, or one class for all images.
    ///   - names: keys of the .json files with numbers to read of each image.
    /// - Throws: `PixNerdError` if a shard is missing, cut short, compressed or damaged, if an image has no class or a
    ///   class file no image, or if there are no images.
    public static func collection(
        root: String, labels options: LabelOptions = LabelOptions(), values names: [String] = []
    ) throws -> ImageCollection {
        let reading: TarShard.Reading
        switch options.source {
        case .found: reading = .labels(key: options.key)
        case .oneClass: reading = .images
        case .folders, .file:
            throw PixNerdError(
                .mismatch, "\(Setting.labels)", found: "asks for labels outside of the shards \(root)",
                expected: "labels in the shards: .cls or .json files")
        }
        let (shards, paths, leftOut) = try shards(root, reading, values: names)
        let samples = shards.flatMap(\.samples)
        guard !samples.isEmpty else { throw noPicture(root, leftOut, "000017.cls") }
        let values =
            names.isEmpty
            ? nil
            : ImageValues(
                names, shards.flatMap(\.values), image: { samples[$0].name },
                expected: "a number in a .json file next to it")
        guard case .labels = reading else {
            let collection = ImageCollection(root: root, classes: [root], samples: samples, leftOut: leftOut)
            return values.map(collection.with) ?? collection
        }
        let labels = shards.flatMap(\.labels)
        var further: [Int: [FoundLabel]] = [:]
        for (image, labels) in labels.enumerated() where labels.count != 1 {
            further[image] = Array(labels.dropFirst())
        }
        let named = try ClassLabels(
            labels.map(\.first), further: further, source: root, place: { samples[$0].name },
            names: { try classNames(beside: paths[0], count: $0) })
        return ImageCollection(
            root: root, classes: named.classes,
            samples: samples.indices.map { samples[$0].with(label: named.labels[$0] ?? 0) }, leftOut: leftOut,
            labelSets: named.sets(of: Array(samples.indices)), values: values, labelling: "labels of the shards",
            remarks: [])
    }

    /// Reads the headers of shards and the captions in them, instead of classes.
    ///
    /// - Parameter found: receives the caption of each image.
    static func collection(
        root: String, captions: CaptionOptions, found: inout [FoundCaption]
    ) throws -> ImageCollection {
        let (shards, _, leftOut) = try shards(root, .captions(captions))
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
        _ root: String, _ reading: TarShard.Reading, values: [String] = []
    ) throws -> (shards: [TarShard], paths: [String], leftOut: LeftOut) {
        let paths = try ShardPattern.paths(root)
        let results = Mutex([Result<TarShard, any Error>?](repeating: nil, count: paths.count))
        DispatchQueue.concurrentPerform(iterations: paths.count) { number in
            let result = Result { try TarShard(paths[number], reading, values: values) }
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
        let file = ClassNames.files.map { folder + $0 }.first { isFolder($0) != nil }
        return try ClassNames.names(
            count: count, in: file ?? "", "the shards have", bytes: file.map { try readBytes(ofFile: $0) })
    }
}
