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
    /// Labels from this number on are considered a mistake.
    private static let largestClassCount = 1_000_000

    /// Reads the headers of shards, on several threads.
    ///
    /// - Parameter root: a `.tar` file, or several written with braces: `shards-{000..099}.tar`, `{train,extra}.tar`.
    /// - Throws: `PixNerdError` if a shard is missing, cut short, compressed or damaged, if an image has no class or a
    ///   class file no image, or if there are no images.
    public static func collection(root: String) throws -> ImageCollection {
        let paths = try ShardPattern.paths(root)
        let results = Mutex([Result<Shard, any Error>?](repeating: nil, count: paths.count))
        DispatchQueue.concurrentPerform(iterations: paths.count) { number in
            let result = Result { try Shard(paths[number]) }
            results.withLock { $0[number] = result }
        }
        let shards = try results.withLock { $0 }.map { try $0!.get() }
        var leftOut = LeftOut()
        for shard in shards { leftOut.add(shard.leftOut) }
        let samples = shards.flatMap(\.samples)
        guard !samples.isEmpty else {
            throw PixNerdError(
                .malformed, "\(root)", found: "holds no PNG or JPEG picture\(leftOut.only)",
                expected: "pairs of files such as 000017.jpg and 000017.cls")
        }
        let classes = try classNames(beside: paths[0], count: samples.map(\.label).max()! + 1)
        return ImageCollection(root: root, classes: classes, samples: samples, leftOut: leftOut)
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

    /// The samples of one tar file.
    private struct Shard {
        private(set) var samples: [ImageCollection.Sample] = []
        private(set) var leftOut = LeftOut()

        init(_ path: String) throws {
            let archive = try TarFile(path)
            var group = Group(key: "")
            while let entry = try archive.next() {
                let base = entry.name.lastIndex(of: "/").map { entry.name.index(after: $0) } ?? entry.name.startIndex
                // Names that begin with a dot are metadata of the operating system, not images.
                guard let dot = entry.name[base...].firstIndex(of: "."), dot != base else { continue }
                let key = String(entry.name[..<dot])
                // By bytes: Swift takes the two spellings of an accented letter as equal.
                if !key.utf8.elementsEqual(group.key.utf8) {
                    try finish(group, path)
                    group = Group(key: key)
                }
                try add(entry, ending: entry.name[entry.name.index(after: dot)...], to: &group, path)
            }
            try finish(group, path)
        }

        /// The files of one sample found so far.
        private struct Group {
            let key: String
            var picture: (name: String, data: Range<Int>)?
            var label: Int?
            var otherKind: String?
        }

        private mutating func add(
            _ entry: TarFile.Entry, ending: Substring, to group: inout Group, _ path: String
        ) throws {
            if ending.lowercased() == "cls" {
                group.label = try Self.label(entry, path)
                return
            }
            switch PictureExtension(ending: ending) {
            case .readable:
                if let other = group.picture {
                    throw PixNerdError(
                        .malformed, "The shard \(path)",
                        found: "has two pictures for one sample, \(other.name) and \(entry.name)", expected: "one")
                }
                group.picture = (entry.name, entry.data)
            case .unreadable(let kind): group.otherKind = kind
            case nil:
                if PictureExtension(of: entry.name) != nil { leftOut.dotted.add("\(path)/\(entry.name)") }
            }
        }

        private mutating func finish(_ group: Group, _ path: String) throws {
            switch (group.picture, group.label) {
            case (let picture?, let label?):
                samples.append(
                    ImageCollection.Sample(path: path, entry: picture.name, range: picture.data, label: label))
            case (let picture?, nil):
                throw PixNerdError(
                    .malformed, "The picture \(picture.name) in the shard \(path)", found: "has no class",
                    expected: "\(group.key).cls with a number next to it")
            case (nil, _?) where group.otherKind == nil:
                throw PixNerdError(
                    .malformed, "The class \(group.key).cls in the shard \(path)", found: "has no picture",
                    expected: "\(group.key).jpg or .png next to it")
            default:
                if let kind = group.otherKind { leftOut.unsupported[kind, default: 0] += 1 }
            }
        }

        private static func label(_ entry: TarFile.Entry, _ path: String) throws -> Int {
            let text = String(decoding: entry.beginning, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
            guard entry.data.count <= 64, let label = Int(text), (0..<largestClassCount).contains(label) else {
                throw PixNerdError(
                    .malformed, "\(entry.name) in the shard \(path)", found: "holds '\(text.prefix(20))'",
                    expected: "the number of a class, from 0 on")
            }
            return label
        }
    }
}
