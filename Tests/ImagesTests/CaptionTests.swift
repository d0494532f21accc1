import Foundation
import PixNerdSupport
import Testing

@testable import PixNerdImages

/// Captions beside images: where they are found, what they are, and what is said when something is wrong with them.
@Suite struct CaptionTests {
    private let png = try! ImageFile.encodePNG(syntheticPicture(width: 5, height: 4, kind: 0))

    /// A folder with texts as files, and a picture under each name that ends in .png.
    private func makeFolder(_ files: [String: String], pictures: [String]) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        for name in pictures { try folder.write(png, to: name) }
        for (name, text) in files { try folder.write(Array(text.utf8), to: name) }
        return folder
    }

    private func captions(_ root: String, _ options: CaptionOptions = CaptionOptions()) throws -> [[String]] {
        let collection = try ImageCollection.open(root: root, captions: options)
        let captions = try #require(collection.captions)
        return collection.samples.indices.map { captions[$0] }
    }

    private func complaint(_ folder: TemporaryFolder, _ options: CaptionOptions = CaptionOptions()) -> String {
        let error = #expect(throws: PixNerdError.self) {
            try ImageCollection.open(root: folder.path, captions: options)
        }
        return error?.description.replacingOccurrences(of: folder.path + "/", with: "") ?? ""
    }

    // MARK: Text files

    @Test func textFilesBesideImages() throws {
        let folder = try makeFolder(
            [
                "a.txt": "one\n", "b.v2.txt": "\u{FEFF}two\nlines\n\n", "deep/er/c.caption": "three\r\n", "d.txt": "",
                "readme.txt": "no caption", "a.png.txt": "none either",
            ], pictures: ["a.png", "b.v2.png", "deep/er/c.jpg", "d.png"])
        #expect(try captions(folder.path) == [["one"], ["two\nlines\n"], [""], ["three"]])
        let kept = CaptionOptions(keepsNewline: true)
        #expect(try captions(folder.path, kept) == [["one\n"], ["two\nlines\n\n"], [""], ["three\r\n"]])
        // A slash at the end of the root changes nothing.
        #expect(try captions(folder.path + "/") == captions(folder.path))
        let collection = try ImageCollection.open(root: folder.path, captions: CaptionOptions())
        #expect(
            collection.remarks == ["1 image has an empty caption, which is the text that stands for no condition."])
        #expect(collection.classes.count == 1 && collection.samples.allSatisfy { $0.label == 0 })
    }

    @Test func missingCaptionsAreRefusedOrSkipped() throws {
        let folder = try makeFolder(["b.txt": "two"], pictures: ["a.png", "b.png", "c.png"])
        let text = complaint(folder)
        #expect(text.contains("2 of the 3 pictures in") && text.contains("have no caption"))
        #expect(text.contains("a.txt for a.png") && text.contains("skipsUncaptioned"))
        let options = CaptionOptions(skipsUncaptioned: true)
        let found = try ImageCollection.open(root: folder.path, captions: options)
        #expect(found.samples.map(\.path) == [folder.path + "/b.png"] && found.captions?[0] == ["two"])
        #expect(found.remarks == ["2 images without a caption are left out."])
        let bare = try makeFolder([:], pictures: ["a.png", "b.png"])
        #expect(complaint(bare, options).contains("None of the 2 pictures"))
    }

    @Test func textThatIsNoUTF8() throws {
        let folder = try makeFolder(["b.txt": "two"], pictures: ["a.png", "b.png", "c.png"])
        try folder.write([0x63, 0x61, 0x66, 0xE9], to: "a.txt")
        try folder.write([0xFF, 0xFE, 0x61, 0], to: "c.txt")
        for skips in [false, true] {
            let text = complaint(folder, CaptionOptions(skipsUncaptioned: skips))
            #expect(text.hasPrefix("a.txt is not UTF-8 text, like 1 other caption; "))
        }
        let report = CaptionReport(try CaptionSurvey(root: folder.path, options: CaptionOptions()))
        #expect(report.notUTF8 == 2 && report.withCaption == 1 && report.without == 0 && report.unusable == 0)
        #expect(report.problems.first == "\(folder.path)/a.txt is not UTF-8 text.")
    }

    @Test func filesThatAreNoCaptions() throws {
        let folder = try makeFolder(["a.txt": "1", "a.caption": "2"], pictures: ["a.png"])
        #expect(complaint(folder).contains("The picture a.png has two captions, "))
        let large = try makeFolder(["a.txt": String(repeating: "x", count: 1 << 20 + 1)], pictures: ["a.png"])
        #expect(complaint(large).contains("a.txt has 1048577 bytes; expected at most 1048576 bytes"))
        let pipe = try makeFolder([:], pictures: ["a.png"])
        #expect(mkfifo(pipe.path + "/a.txt", 0o600) == 0)
        #expect(complaint(pipe).contains("None of the 1 picture"))
        try FileManager.default.createSymbolicLink(
            atPath: large.path + "/b.txt", withDestinationPath: large.path + "/nowhere")
        try large.write(png, to: "b.png")
        try large.write([0x61], to: "a.txt")
        #expect(complaint(large).contains("b.txt cannot be opened"))
    }

    /// Without captions, no file is opened and class folders are needed, as before.
    @Test func nothingIsReadUnlessAskedFor() throws {
        let folder = try makeFolder(["a/1.txt": "one"], pictures: ["a/1.png"])
        try folder.write([0xFF], to: "a/1.caption")
        let found = try ImageCollection.open(root: folder.path, captions: nil)
        #expect(found.captions == nil && found.classes == ["a"])
        let flat = try ImageCollection.open(root: folder.path + "/a")
        #expect(flat.captions == nil && flat.classes == ["a"])
        let path = folder.path + "/a/1."
        #expect(
            flat.remarks == [
                "2 text files beside the images are only read if captions are asked for: \(path)caption, \(path)txt."
            ])
    }

    // MARK: Tables

    @Test func tablesOfJSONLines() throws {
        let lines = """
            {"file_name": "1.png", "text": "one", "other": {"text": ["x"]}, "width": 3}

            {"file_name": "./deep/2.png", "text": "two\\n"}\r
            {"file_name": "deep/../deep/2.png", "text": "\\u00e9"}
            {"file_name": "deep/3.png", "text": ["a", "b"]}
            {"file_name": "lost.png", "text": "lost"}
            {"file_name": "../x/1.png", "text": "outside"}
            {"file_name": "/1.png", "text": "absolute"}
            """
        let folder = try makeFolder(
            ["metadata.jsonl": lines], pictures: ["1.png", "deep/2.png", "deep/3.png"])
        #expect(try captions(folder.path) == [["one"], ["two\n", "é"], ["a", "b"]])
        #expect(try captions(folder.path + "/") == captions(folder.path))
        let remarks = try ImageCollection.open(root: folder.path, captions: CaptionOptions()).remarks
        #expect(remarks.count == 1 && remarks[0].hasPrefix("3 rows of tables name no picture: lost.png ("))
        #expect(remarks[0].contains("metadata.jsonl, line 6)"))
    }

    @Test func aTableForEachPart() throws {
        let folder = try makeFolder(
            [
                "train/metadata.jsonl": "{\"file_name\": \"1.png\", \"prompt\": \"a\"}",
                "test/metadata.csv": "prompt,file_name\n\"b, \"\"c\"\"\nd\",sub/1.png\n",
            ], pictures: ["train/1.png", "test/sub/1.png"])
        #expect(try captions(folder.path) == [["b, \"c\"\nd"], ["a"]])
    }

    @Test func theKeyIsChosen() throws {
        let line = "{\"file_name\": \"1.png\", \"text\": \"t\", \"caption\": \"c\", \"mine\": \"m\", \"number\": 3}"
        let folder = try makeFolder(["metadata.jsonl": line, "2.txt": "from a file"], pictures: ["1.png", "2.png"])
        #expect(complaint(folder).contains("metadata.jsonl, line 1, has captions under 'text' and 'caption'; choose"))
        #expect(try captions(folder.path, CaptionOptions(key: "mine")) == [["m"], ["from a file"]])
        #expect(complaint(folder, CaptionOptions(key: "number")).contains("a list of texts, under 'number'"))
        #expect(complaint(folder, CaptionOptions(key: "none")).contains("1 of the 2 pictures"))
        // A text file goes before a table, unless a key is given.
        try folder.write(Array("file".utf8), to: "1.txt")
        #expect(try captions(folder.path, CaptionOptions(key: "mine")) == [["m"], ["from a file"]])
        try folder.write(Array("{\"file_name\": \"1.png\", \"text\": \"t\"}".utf8), to: "metadata.jsonl")
        #expect(try captions(folder.path) == [["file"], ["from a file"]])
    }

    @Test(arguments: [
        ("metadata.jsonl", "{\"file_name\": \"1.png\"", "line 1, is not a JSON object"),
        ("metadata.jsonl", "\n[1]", "line 2, is not a JSON object"),
        ("metadata.jsonl", "{\"text\": \"a\"}", "line 1, has no file_name"),
        ("metadata.jsonl", "{\"file_name\": 3, \"text\": \"a\"}", "line 1, has no file_name"),
        ("metadata.jsonl", "{\"file_name\": \"1.png\", \"text\": 3}", "under 'text'"),
        ("metadata.jsonl", "{\"file_name\": \"1.png\", \"text\": null}", "None of the 1 picture"),
        (
            "metadata.jsonl",
            "{\"file_name\": \"1.png\", \"text\": \"a\"}\n{\"file_name\": \"1.png\", \"prompt\": \"a\"}",
            "line 2, has captions under 'prompt' and 'text'"
        ),
        ("metadata.csv", "text\na", "has no column file_name"),
        ("metadata.csv", "file_name,text\n1.png", "line 2, has 1 value; expected 2"),
        ("metadata.csv", "file_name,text\n1.png,a,b", "line 2, has 3 values"),
        ("metadata.csv", "file_name,text\n1.png,\"a", "line 2, has a quote without an end"),
        ("metadata.csv", "file_name,text\n1.png,\"a\"b", "line 2, has text after the end"),
        ("metadata.csv", "file_name,text\n1.png,", "None of the 1 picture"),
        ("metadata.csv", "file_name,text,prompt\n1.png,a,b", "has captions under 'text' and 'prompt'"),
        ("metadata.csv", "", "None of the 1 picture"), ("metadata.csv", "file_name,mine\n1.png,a", "None of the 1"),
        ("metadata.parquet", "PAR1", "metadata.parquet cannot be read: write it as metadata.jsonl"),
    ])
    func damagedTables(name: String, content: String, expected: String) throws {
        let folder = try makeFolder([name: content], pictures: ["1.png"])
        let text = complaint(folder)
        #expect(text.contains(expected), "\(text)")
        for bytes in [
            [0xFF] + Array(content.utf8), Array(content.utf8.dropLast(3)), [0], [0x22], [0x0D], [0xEF, 0xBB],
        ] {
            try folder.write(bytes, to: name)
            _ = try? ImageCollection.open(root: folder.path, captions: CaptionOptions())
        }
    }

    @Test func commaSeparatedValues() throws {
        func rows(_ text: String) throws -> [[String]] {
            let bytes = Array(text.utf8)
            return try bytes.withUnsafeBytes { buffer in
                var reader = CSVReader(buffer[...], name: "x")
                var rows: [[String]] = []
                while let row = try reader.next() { rows.append(row) }
                return rows
            }
        }
        #expect(try rows("a,b\r\nc,d") == [["a", "b"], ["c", "d"]])
        #expect(try rows("\"a\"\"\",\"\r\n\"\n,\n") == [["a\"", "\r\n"], ["", ""]])
        #expect(try rows("\n\na\r") == [[""], [""], ["a"]])
        #expect(try rows("a,") == [["a", ""]] && rows("") == [])
    }

    // MARK: Shards and class names

    @Test func captionsInShards() throws {
        let folder = try TemporaryFolder()
        let long = String(repeating: "word ", count: 300)
        let path = try folder.write(
            tar([
                ("1.png", png), ("1.txt", Array("one\n".utf8)), ("1.json", Array("{\"caption\": \"json\"}".utf8)),
                ("2.json", Array("{\"captions\": [\"a\", \"b\"], \"url\": \"x\"}".utf8)), ("2.png", png),
                ("3.png", png), ("3.txt", Array(long.utf8)), ("3.cls", Array("7".utf8)), ("4.txt", [0x61]),
            ]), to: "a.tar")
        #expect(try captions(path) == [["one"], ["a", "b"], [long]])
        let error = #expect(throws: PixNerdError.self) { try captions(path, CaptionOptions(key: "caption")) }
        #expect(error?.description.contains("1 of the 3 pictures") == true)
        #expect(error?.description.contains("'caption' in a .json beside \(path)/2.png") == true)
        let other = try folder.write(
            tar([("1.txt", [0x61]), ("1.png", png), ("1.json", Array("{\"caption\": \"json\"}".utf8))]), to: "c.tar")
        #expect(try captions(other) == [["a"]] && captions(other, CaptionOptions(key: "caption")) == [["json"]])
        for (name, content) in [
            ("1.json", Array("{\"text\": \"a\", \"caption\": \"b\"}".utf8)), ("1.json", Array("{".utf8)),
            ("1.json", [0xFF]), ("1.txt", [0xFF]), ("1.avif", [0x61]),
        ] as [(String, [UInt8])] {
            let broken = try folder.write(tar([("1.png", png), (name, content)]), to: "b.tar")
            #expect(throws: PixNerdError.self) { try captions(broken) }
        }
        let twice = try folder.write(tar([("1.png", png), ("1.txt", [0x61]), ("1.txt", [0x61])]), to: "b.tar")
        #expect(throws: PixNerdError.self) { try captions(twice) }
    }

    @Test func classNamesAsCaptions() throws {
        let folder = try makeFolder(["cat/1.txt": "ignored"], pictures: ["cat/1.png", "cat/2.png", "old dog/1.png"])
        let options = CaptionOptions(template: "a photo of a {}")
        #expect(
            try captions(folder.path, options) == [
                ["a photo of a cat"], ["a photo of a cat"], ["a photo of a old dog"],
            ])
        let found = try ImageCollection.open(root: folder.path, captions: options)
        #expect(found.classes == ["cat", "old dog"] && found.samples.map(\.label) == [0, 0, 1])
        let shard = try folder.write(tar([("1.png", png), ("1.cls", [0x31])]), to: "a.tar")
        try folder.write(Array("ape\nbee\n".utf8), to: "classes.txt")
        #expect(try captions(shard, CaptionOptions(template: "{}!")) == [["bee!"]])
        for wrong in [
            CaptionOptions(template: "a photo"), CaptionOptions(template: "{} and {}"), CaptionOptions(template: ""),
            CaptionOptions(key: ""), CaptionOptions(key: "text", template: "{}"),
        ] {
            #expect(throws: PixNerdError.self) { try ImageCollection.open(root: folder.path, captions: wrong) }
        }
    }
}
