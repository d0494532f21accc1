import Foundation
import PixNerdDiffusion
import PixNerdImages
import PixNerdSupport
import Testing

/// WebDataset shards: which pictures they hold, where, and what is said when something is wrong with one.
@Suite struct ShardTests {
    private func picture(_ number: Int) throws -> [UInt8] {
        try ImageFile.encodePNG(syntheticPicture(width: 10 + number, height: 12, kind: 0))
    }

    private func sample(_ number: Int, label: Int) throws -> [(name: String, content: [UInt8])] {
        [("\(number).cls", Array("\(label)".utf8)), ("\(number).png", try picture(number))]
    }

    @Test func everySampleIsReachedDirectly() throws {
        let folder = try TemporaryFolder()
        try folder.write(tar(sample(1, label: 2) + sample(2, label: 0)), to: "train-008.tar")
        try folder.write(tar(sample(3, label: 1)), to: "train-009.tar")
        try folder.write(tar(sample(4, label: 2)), to: "train-010.tar")
        let found = try ImageCollection.open(root: folder.path + "/train-{008..010}.tar")
        #expect(found.classes == ["0", "1", "2"])
        #expect(found.samples.map(\.label) == [2, 0, 1, 2])
        #expect(
            found.samples.map(\.name)
                == ["008.tar/1", "008.tar/2", "009.tar/3", "010.tar/4"].map {
                    "\(folder.path)/train-\($0).png"
                })
        for (sample, number) in zip(found.samples, 1...) {
            let shard = try Data(contentsOf: URL(fileURLWithPath: sample.path))
            #expect(try Array(shard[#require(sample.range)]) == picture(number))
        }
        let loader = BatchLoader(
            collection: found, imageSize: 8, batchSize: 4, seed: 1, workers: 2, logger: LogKeeper().logger)
        defer { loader.stop() }
        let batch = try loader.next()
        for (place, index) in batch.indices.enumerated() {
            let expected = admCenterCrop(try ImageFile.decode(picture(index + 1), name: ""), size: 8)
            #expect(batch.bytes[place * 192..<(place + 1) * 192].elementsEqual(expected.pixels))
        }
        // A folder of shards is not laid out as a folder of pictures.
        let error = #expect(throws: PixNerdError.self) { try ImageCollection.open(root: folder.path) }
        #expect(error?.description.contains("holds no folders but 3 tar files; name the shards themselves") == true)
    }

    @Test(arguments: ["gnu", "pax"])
    func longNamesAreUnderstood(kind: String) throws {
        let found = try ImageCollection.open(root: Fixture.path("long-names-\(kind).tar"))
        let folder = String(repeating: "a-folder-with-a-name-of-some-length/", count: 4)
        let second = String(repeating: "\u{E9}", count: 40) + "-second-with-a-very-long-name-that-goes-on-and-on"
        #expect(found.samples.map(\.entry) == [folder + "first.png", folder + second + ".png"])
        #expect(found.samples.map(\.label) == [0, 1])
        let shard = try Fixture.bytes("long-names-\(kind).tar")
        for sample in found.samples {
            let image = try ImageFile.decode(Array(shard[try #require(sample.range)]), name: "")
            #expect(image == syntheticPicture(width: 5, height: 4, kind: 1))
        }
    }

    @Test(arguments: [
        ("{00..03}", ["00", "01", "02", "03"]), ("{9..11}", ["9", "10", "11"]), ("{a,b}", ["a", "b"]),
        ("{a,b{1..2}}", ["a", "b1", "b2"]), ("{a,b}-{0..1}", ["a-0", "a-1", "b-0", "b-1"]),
        ("plain", ["plain"]), ("{098..101}", ["098", "099", "100", "101"]),
    ])
    func bracesStandForNames(pattern: String, names: [String]) throws {
        let folder = try TemporaryFolder()
        for name in names { try folder.write(tar(sample(1, label: 0)), to: "s-\(name).tar") }
        let found = try ImageCollection.open(root: "\(folder.path)/s-\(pattern).tar")
        #expect(found.samples.map(\.path) == names.map { "\(folder.path)/s-\($0).tar" })
    }

    @Test(arguments: ["{0..", "0}", "{3..1}", "{one}", "{a..b}", "{0..99999999}", "{}"])
    func strangeBracesAreRefused(pattern: String) {
        let error = #expect(throws: PixNerdError.self) { try ImageCollection.open(root: "s-\(pattern).tar") }
        #expect(error?.description.contains("s-\(pattern).tar") == true)
    }

    @Test func classesAreNamedByAFileBesideTheShards() throws {
        let folder = try TemporaryFolder()
        try folder.write(tar(sample(1, label: 1)), to: "a.tar")
        try folder.write(Array("tench\r\ngold fish \nshark\n\n".utf8), to: "classes.txt")
        #expect(try ImageCollection.open(root: folder.path + "/a.tar").classes == ["tench", "gold fish", "shark"])
        try folder.write(Array("tench\n".utf8), to: "classes.txt")
        let error = #expect(throws: PixNerdError.self) { try ImageCollection.open(root: folder.path + "/a.tar") }
        #expect(error?.description.contains("classes.txt names 1 class, but the shards have class 1") == true)
    }

    @Test func otherFilesArePassedOver() throws {
        let folder = try TemporaryFolder()
        let files: [(name: String, content: [UInt8])] =
            [("README", []), ("x.json", [1])] + (try sample(1, label: 0))
            + [("1.txt", [2]), ("2.cls", [48]), ("2.AVIF", []), ("._1.png", [3])]
        try folder.write(tar(files), to: "a.tar")
        let found = try ImageCollection.open(root: folder.path + "/a.tar")
        #expect(found.samples.map(\.entry) == ["1.png"])
        #expect(found.unsupported == ["avif": 1])
    }

    private func complaint(_ bytes: [UInt8]?) throws -> String {
        let folder = try TemporaryFolder()
        if let bytes { try folder.write(bytes, to: "a.tar") }
        let error = #expect(throws: PixNerdError.self) { try ImageCollection.open(root: folder.path + "/a.tar") }
        let message = try #require(error).description
        #expect(message.contains(folder.path + "/a.tar"))
        return message.replacingOccurrences(of: folder.path + "/", with: "")
    }

    @Test func whatIsWrongIsNamed() throws {
        let good = try sample(1, label: 0)
        #expect(try complaint(nil) == "The shard a.tar cannot be opened: No such file or directory.")
        #expect(try complaint(tar(good, hasEnd: false)).contains("is cut short: its end is missing"))
        #expect(try complaint(Array(tar(good).dropLast(1024 + 512))).contains("is cut short: 1.png has"))
        #expect(try complaint([]).contains("is cut short"))
        #expect(try complaint(tar([])).contains("holds no image; expected pairs of files"))
        #expect(try complaint(tar([("1.gif", []), ("1.cls", [48])])).contains("image, only 1 .gif (convert those)"))
        #expect(
            try complaint(tar([good[1]])).contains("The picture 1.png in the shard a.tar has no class; expected 1.cls"))
        #expect(try complaint(tar([good[0]])).contains("The class 1.cls in the shard a.tar has no picture"))
        #expect(try complaint(tar(good + [("1.jpg", [])])).contains("two pictures for one sample, 1.png and 1.jpg"))
        for text in ["cat", "-1", "", "99999999999999999999", "1 2"] {
            let message = try complaint(tar([("1.cls", Array(text.utf8)), good[1]]))
            #expect(message.contains("1.cls in the shard") && message.contains("expected the number of a class"))
        }
        #expect(
            try complaint([0x1F, 0x8B] + tar(good)).contains("compressed with gzip; expected a plain tar file; unpack"))
        #expect(try complaint([UInt8](repeating: 65, count: 4096)).contains("is not a tar file, or damaged"))
    }

    @Test func damageNeverCrashes() throws {
        let whole = try Fixture.bytes("long-names-pax.tar")
        let folder = try TemporaryFolder()
        for at in stride(from: 0, to: 4096, by: 7) {
            var damaged = whole
            damaged[at] ^= 0x11
            try folder.write(damaged, to: "a.tar")
            _ = try? ImageCollection.open(root: folder.path + "/a.tar")
        }
        for count in stride(from: 0, to: whole.count, by: 256) {
            try folder.write(Array(whole[..<count]), to: "a.tar")
            _ = try? ImageCollection.open(root: folder.path + "/a.tar")
        }
    }

    @Test func aShardThatShrinksLaterIsSkippedOver() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write(tar(sample(1, label: 0) + sample(2, label: 0)), to: "a.tar")
        let found = try ImageCollection.open(root: path)
        let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        try bytes.prefix(try #require(found.samples[1].range).lowerBound + 20).write(to: URL(fileURLWithPath: path))
        let loader = BatchLoader(
            collection: found, imageSize: 8, batchSize: 3, seed: 1, logger: LogKeeper().logger)
        defer { loader.stop() }
        #expect(try loader.next().indices == [0, 0, 0])
        #expect(loader.skipped == [path + "/2.png"])
    }
}
