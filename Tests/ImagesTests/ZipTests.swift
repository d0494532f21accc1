import Foundation
import PixNerdImages
import PixNerdSupport
import PixNerdTestSupport
import Testing

/// Zip archives of pictures: which pictures they hold, where, and what is said when something is wrong with one.
@Suite struct ZipTests {
    private func picture(_ number: Int) throws -> [UInt8] {
        try ImageFile.encodePNG(syntheticPicture(width: 10 + number, height: 12, kind: 0))
    }

    @Test func everyPictureIsReadAsFromAFolder() throws {
        let folder = try TemporaryFolder()
        let names = ["b/2.png", "b/10.png", "a/1.png", "a/deep/3.png"]
        let files = try names.enumerated().map { ZipFile($1, try picture($0)) }
        for file in files { try folder.write(file.content, to: "root/" + String(decoding: file.name, as: UTF8.self)) }
        let path = try folder.write(zip(files), to: "a.zip")
        let (own, plain) = (try ImageCollection.open(root: path), try ImageCollection.open(root: folder.path + "/root"))
        #expect(own.classes == plain.classes && own.samples.map(\.label) == plain.samples.map(\.label))
        #expect(own.samples.map(\.entry) == ["a/1.png", "a/deep/3.png", "b/10.png", "b/2.png"])
        #expect(own.samples.allSatisfy { $0.path == path })
        // The order, and so the batches of a seed, depend on names alone, not on the order in the archive.
        try folder.write(zip(files.reversed()), to: "b.zip")
        let collections = [own, plain, try ImageCollection.open(root: folder.path + "/b.zip")]
        let batches = try collections.map { collection in
            let loader = BatchLoader(
                collection: collection, imageSize: 8, batchSize: 3, seed: 1, startSample: 6, workers: 2,
                logger: LogKeeper().logger)
            defer { loader.stop() }
            return try loader.next()
        }
        for batch in batches {
            #expect(batch.pixels == batches[0].pixels && batch.indices == batches[0].indices)
            #expect(batch.labels == batches[0].labels)
        }
    }

    private func complaint(_ bytes: [UInt8]) throws -> String {
        let folder = try TemporaryFolder()
        let path = try folder.write(bytes, to: "a.zip")
        let error = #expect(throws: PixNerdError.self) { try ImageCollection.open(root: path) }
        let message = try #require(error).description
        expectSentence(message, naming: [path])
        #expect(throws: PixNerdError.self) { try ImageCollection.pictures(below: path) }
        return message.replacingOccurrences(of: folder.path + "/", with: "")
    }

    @Test func namesThatLeadOut() throws {
        let deep = String(repeating: "a/", count: 40) + "1.png"
        for name in ["../1.png", "a/../../1.png", "/1.png", "a//1.png", "a\\1.png", "./1.png", "../", deep] {
            let message = try complaint(zip([ZipFile("a/0.png", picture(0)), ZipFile(name, picture(1))]))
            #expect(message.hasPrefix("a.zip: the entry '\(name)' has a name that is no path below the top"))
        }
    }

    @Test func entriesThatCannotBeRead() throws {
        var file = ZipFile("a/1.png", try picture(1))
        file.method = 8
        #expect(
            try complaint(zip([ZipFile("a/0.png", picture(0)), file])).hasPrefix(
                "a.zip: 1 of its 2 images is compressed, such as a/1.png; expected images that are stored"))
        file.method = 0
        file.flags = 1
        #expect(try complaint(zip([file])).contains("the entry a/1.png is encrypted"))
        file.flags = 0
        // Two entries in one place, as in archives that are made to be larger than they are.
        var other = file
        other.name = Array("a/2.png".utf8)
        other.place = 0
        #expect(try complaint(zip([file, other])).contains("is damaged"))
        other.name = Array("a/1.png".utf8)
        other.place = nil
        #expect(try complaint(zip([file, other])).contains("its entry a/1.png occurs twice"))
        other.place = 1 << 30
        other.name = Array("a/2.png".utf8)
        expectSentence(try complaint(zip([file, other])))
    }

    @Test func archivesWithoutPicturesAndOtherFiles() throws {
        #expect(try complaint([]).contains("a.zip is empty; expected a zip archive of images, or a folder"))
        #expect(try complaint([1, 2, 3, 4]).contains("a.zip is no zip archive, although its name ends in .zip"))
        #expect(try complaint(zip([])).contains("holds n"))
        #expect(
            try complaint(zip([ZipFile("1.gif"), ZipFile("a.txt")])).contains("an image, only 1 .gif (convert those)"))
        #expect(try complaint(zip([ZipFile("a.tar")])).contains("but 1 tar file; unpack it, and name the shards"))
        #expect(try complaint(Array(zip([ZipFile("1.png", picture(0))]).dropLast(30))).contains("cut short or damaged"))
        let folder = try TemporaryFolder()
        #expect(mkfifo(folder.path + "/b.zip", 0o600) == 0)
        let error = #expect(throws: PixNerdError.self) { try ImageCollection.open(root: folder.path + "/b.zip") }
        #expect(error?.description.contains("is not a regular file but a FIFO") == true)
        // A folder may have such a name.
        try folder.write(picture(0), to: "c.zip/cat/1.png")
        #expect(try ImageCollection.open(root: folder.path + "/c.zip").classes == ["cat"])
    }

    @Test func namesThatAreNoTextAreLeftOut() throws {
        let folder = try TemporaryFolder()
        var odd = ZipFile("", try picture(1))
        odd.name = Array("caf".utf8) + [0xE9] + Array(".png".utf8)
        let path = try folder.write(zip([odd, ZipFile("caf\u{E9}.png", picture(0))]), to: "a.zip")
        let found = try ImageCollection.open(root: path)
        #expect(found.samples.map(\.entry) == ["caf\u{E9}.png"])
        #expect(found.remarks == ["1 name is not UTF-8 text and is left out, rename it: \(path)/caf\u{FFFD}.png."])
    }

    /// Captions are read from an archive as from a folder.
    @Test func captions() throws {
        let folder = try TemporaryFolder()
        let files = [
            ZipFile("x/1.png", try picture(1)), ZipFile("x/1.txt", Array("one\n".utf8)),
            ZipFile("x/2.png", try picture(2)),
            ZipFile("metadata.csv", Array("file_name,text\nx/2.png,two\n".utf8)),
        ]
        let path = try folder.write(zip(files), to: "a.zip")
        let found = try ImageCollection.open(root: path, captions: CaptionOptions())
        #expect(found.captions?[0] == ["one"] && found.captions?[1] == ["two"])
    }

    /// Whatever is done to an archive, it is read or refused in one sentence.
    @Test func damage() throws {
        let folder = try TemporaryFolder()
        let names = ["edm.zip", "zip64.zip", "descriptors.zip", "deflated.zip", "wrapped.zip"]
        let files = try names.map { try Fixture.bytes("../datasets/\($0)") }
        var mutator = Mutator(seed: 20_261_129)
        var (read, refused) = (0, 0)
        for index in 0..<fuzzCount / 2 {
            let file = files[index % files.count]
            // In every second one only the directory at the end is damaged, as data rarely matters.
            let kept = index / files.count % 2 == 0 ? 0 : file.count - 600
            let path = try folder.write(Array(file[..<kept]) + mutator.changed(Array(file[kept...])), to: "a.zip")
            do {
                let found = try ImageCollection.open(root: path)
                #expect(DatasetReport(inspecting: found).pictures == found.samples.count)
                read += 1
            } catch let error as PixNerdError {
                expectSentence(error.description, naming: ["a.zip"])
                refused += 1
            }
        }
        #expect(read > 0 && refused > 0)
    }
}
