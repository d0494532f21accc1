import Foundation
import PixNerdImages
import PixNerdSupport
import Testing

/// What is left out of a data set, and layouts that look like mistakes: counted and named.
@Suite struct LeftOutTests {
    private func makeFolder(_ names: [String]) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        let png = try ImageFile.encodePNG(syntheticPicture(width: 5, height: 4, kind: 0))
        for name in names { try folder.write(png, to: name) }
        return folder
    }

    private func remarks(_ folder: TemporaryFolder) throws -> [String] {
        try ImageCollection.open(root: folder.path).remarks.map {
            $0.replacingOccurrences(of: folder.path + "/", with: "")
        }
    }

    @Test func otherExtensions() throws {
        let folder = try makeFolder([
            "a/1.png", "a/2.jfif", "a/3.JPE", "a/4.heic", "a/5.avif", "a/6.jp2", "a/7.jxl", "a/8.JXL", "a/notes.txt",
        ])
        let found = try ImageCollection.open(root: folder.path)
        #expect(found.samples.count == 3)
        #expect(found.unsupported == ["heic": 1, "avif": 1, "jp2": 1, "jxl": 2])
        #expect(
            found.remarks == [
                "5 images in formats that cannot be read are left out (1 .avif, 1 .heic, 1 .jp2, 2 .jxl); convert them "
                    + "to PNG or JPEG."
            ])
    }

    @Test func fifosSocketsAndFolders() throws {
        let folder = try makeFolder(["a/1.png", "a/deep/2.png", "b.png/1.png"])
        #expect(mkfifo(folder.path + "/a/3.png", 0o600) == 0)
        try FileManager.default.createSymbolicLink(
            atPath: folder.path + "/a/4.png", withDestinationPath: "/dev/null")
        try FileManager.default.createDirectory(atPath: folder.path + "/a/5.jpg", withIntermediateDirectories: true)
        #expect(mkfifo(folder.path + "/a/notes.txt", 0o600) == 0)
        let found = try ImageCollection.open(root: folder.path)
        #expect(found.classes == ["a", "b.png"] && found.samples.count == 3)
        #expect(
            try remarks(folder) == [
                "3 names of images are those of no regular files and are left out: a/3.png, a/4.png, a/5.jpg."
            ])
        #expect(try ImageCollection.pictures(below: folder.path).leftOut.irregular.count == 3)
    }

    /// A FIFO that takes the place of a picture, and roots that are FIFOs.
    @Test func aFIFOHangsNothing() throws {
        let folder = try makeFolder(["a/1.png"])
        let found = try ImageCollection.open(root: folder.path)
        try FileManager.default.removeItem(atPath: folder.path + "/a/1.png")
        for name in ["a/1.png", "root", "root.tar", "classes.txt"] {
            #expect(mkfifo("\(folder.path)/\(name)", 0o600) == 0)
        }
        #expect(DatasetReport(inspecting: found).unreadable[0].reason.contains("not a regular file but a FIFO"))
        for name in ["root", "root.tar"] {
            let error = #expect(throws: PixNerdError.self) { try ImageCollection.open(root: "\(folder.path)/\(name)") }
            #expect(error?.description.contains("not a regular file but a FIFO") == true)
        }
        let png = try ImageFile.encodePNG(syntheticPicture(width: 5, height: 4, kind: 0))
        try folder.write(tar([("1.png", png), ("1.cls", [48])]), to: "a.tar")
        let error = #expect(throws: PixNerdError.self) { try ImageCollection.open(root: folder.path + "/a.tar") }
        #expect(error?.description.contains("classes.txt is not a regular file but a FIFO") == true)
    }

    /// File names in Latin-1, as old archives have them.
    @Test func namesThatAreNoText() throws {
        let folder = try makeFolder(["a/1.png"])
        let name = Array("/a/caf".utf8) + [0xE9] + Array(".png\u{0}".utf8)
        let path = (Array(folder.path.utf8) + name).map { CChar(bitPattern: $0) }
        let file = open(path, O_CREAT | O_WRONLY, 0o600)
        #expect(file >= 0)
        close(file)
        let directory = (Array(folder.path.utf8) + [0x2F, 0xE9, 0]).map { CChar(bitPattern: $0) }
        #expect(mkdir(directory, 0o700) == 0)
        let found = try ImageCollection.open(root: folder.path)
        #expect(found.classes == ["a"] && found.samples.count == 1)
        #expect(
            try remarks(folder) == [
                "2 names are not UTF-8 text and are left out, rename them: \u{FFFD}, a/caf\u{FFFD}.png."
            ])
    }

    @Test func picturesBesideTheClassesAndMetadata() throws {
        let folder = try makeFolder(["a/1.png", "2.png", "3.webp", "metadata.jsonl", "a/metadata.csv"])
        #expect(
            try remarks(folder) == [
                "2 images beside the class folders belong to no class and are left out: 2.png, 3.webp.",
                "2 files with metadata are not read, as they have no labels: metadata.jsonl, a/metadata.csv.",
            ])
    }

    @Test(arguments: [
        (["train/cat/1.png", "train/dog/2.png", "val/cat/3.png", "val/dog/4.png"], "did you mean ROOT/train?"),
        (["Train/cat/1.png", "test/dog/2.png"], "did you mean ROOT/Train?"), (["train/cat/1.png"], "ROOT/train?"),
        (["a/cat/1.png", "a/dog/1.png", "b/cat/1.png", "b/dog/1.png"], "all the same: did you mean ROOT/a?"),
        (["training/1.png", "testing/2.png"], "name a folder that holds training alone"),
    ])
    func partsOfADataSet(files: [String], remark: String) throws {
        let folder = try makeFolder(files)
        let found = try ImageCollection.open(root: folder.path).remarks
        #expect(found.count == 1)
        #expect(found.first?.contains(remark.replacingOccurrences(of: "ROOT", with: folder.path)) == true, "\(found)")
    }

    @Test(arguments: [
        ["cat/1.png", "dog/1.png"], ["train/1.png"], ["train/1.png", "car/2.png"],
        ["a/images/1.png", "b/images/1.png"], ["a/x/1.png", "a/y/1.png", "b/x/1.png"],
    ])
    func classesAreNoParts(files: [String]) throws {
        #expect(try remarks(makeFolder(files)).isEmpty)
    }

    @Test func shardsWithDottedNamesAndEmptyClasses() throws {
        let folder = try TemporaryFolder()
        let png = try ImageFile.encodePNG(syntheticPicture(width: 5, height: 4, kind: 0))
        let path = try folder.write(
            tar([("1.png", png), ("1.cls", [51]), ("photo.v2.png", png), ("a.b/2.png", png), ("a.b/2.cls", [48])]),
            to: "shard.v1.0.tar")
        let found = try ImageCollection.open(root: path)
        #expect(found.samples.map(\.entry) == ["1.png", "a.b/2.png"])
        #expect(found.leftOut.dotted.examples == [path + "/photo.v2.png"])
        #expect(found.remarks.last == "2 of the 4 classes have no image (1, 2): a model learns nothing about them.")
        try folder.write(tar([("photo.v2.png", png)]), to: "b.tar")
        let error = #expect(throws: PixNerdError.self) { try ImageCollection.open(root: folder.path + "/b.tar") }
        #expect(error?.description.contains("names with several dots") == true)
    }

    /// The two spellings of an accented letter are two samples.
    @Test func namesAreComparedByBytes() throws {
        let folder = try TemporaryFolder()
        let png = try ImageFile.encodePNG(syntheticPicture(width: 5, height: 4, kind: 0))
        let names = ["caf\u{E9}", "cafe\u{301}"]
        let path = try folder.write(
            tar(names.flatMap { [("\($0).png", png), ("\($0).cls", [48])] }), to: "a.tar")
        #expect(try ImageCollection.open(root: path).samples.count == 2)
    }

    @Test func trainingSaysItOnce() throws {
        let folder = try makeFolder(["a/1.png", "a/2.heic"])
        let collection = try ImageCollection.open(root: folder.path)
        for rank in 0..<2 {
            let keeper = LogKeeper()
            let loader = BatchLoader(
                collection: collection, buckets: ImageBuckets(size: 4, of: collection),
                plan: BatchPlan(step: 4, most: 2, rank: rank, ranks: 2), seed: 1,
                logger: keeper.logger)
            defer { loader.stop() }
            #expect(keeper.messages.withLock { $0.count { $0.contains("1 .heic") } } == 1 - rank)
        }
    }
}
