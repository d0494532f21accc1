import Foundation
import PixNerdImages
import PixNerdSupport
import PixNerdTestSupport
import Testing

/// Labels in files: where they are found, what they are, and what is said when something is wrong with them.
@Suite struct LabelTests {
    private let png = try! ImageFile.encodePNG(syntheticPicture(width: 5, height: 4, kind: 0))

    private func makeFolder(_ files: [String: String], pictures: [String]) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        for name in pictures { try folder.write(png, to: "root/\(name)") }
        for (name, text) in files { try folder.write(Array(text.utf8), to: "root/\(name)") }
        return folder
    }

    /// The classes by the names of the images.
    private func labels(
        _ folder: TemporaryFolder, _ options: LabelOptions = LabelOptions()
    ) throws -> [String: String] {
        let found = try ImageCollection.open(root: folder.path + "/root", labels: options)
        return Dictionary(
            uniqueKeysWithValues: found.samples.map {
                (String($0.name.dropFirst(folder.path.count + 6)), found.classes[$0.label])
            })
    }

    private func complaint(_ folder: TemporaryFolder, _ options: LabelOptions = LabelOptions()) -> String {
        let error = #expect(throws: PixNerdError.self) {
            try ImageCollection.open(root: folder.path + "/root", labels: options)
        }
        let text = error?.description.replacingOccurrences(of: folder.path + "/root", with: "ROOT") ?? ""
        expectSentence(text)
        return text
    }

    private struct Expected: Decodable {
        let classes: [String]
        let labels: [String: Int]
    }

    /// Data sets that Python's zipfile and csv wrote in the layouts of other programs.
    @Test func layoutsOfOtherPrograms() throws {
        let expected = try JSONDecoder().decode(
            [String: Expected].self, from: Data(Fixture.bytes("../datasets/expected.json")))
        #expect(expected.count == 8)
        for (name, expected) in expected {
            let root = Fixture.path("../datasets/\(name)")
            let found = try ImageCollection.open(root: root)
            #expect(found.classes == expected.classes, "\(name)")
            let names = found.samples.map { String($0.name.dropFirst(root.count + 1)) }
            #expect(names == expected.labels.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }, "\(name)")
            #expect(found.samples.map(\.label) == names.map { expected.labels[$0] }, "\(name)")
            #expect(found.leftOut.metadata.count == 0)
            let report = DatasetReport(inspecting: found)
            #expect(report.unreadable.isEmpty && report.labelling == found.labelling)
        }
        let root = Fixture.path("../datasets/names")
        #expect(try ImageCollection.open(root: root).labelling == "labels of \(root)/metadata.jsonl")
    }

    @Test func otherSourcesAreAskedFor() throws {
        let files = ["metadata.csv": "file_name,label,kind\na/1.png,x,p\nb/2.png,y,q\n"]
        let folder = try makeFolder(files, pictures: ["a/1.png", "b/2.png"])
        #expect(try labels(folder) == ["a/1.png": "x", "b/2.png": "y"])
        #expect(try labels(folder, LabelOptions(labels: "", key: "kind")) == ["a/1.png": "p", "b/2.png": "q"])
        #expect(try labels(folder, LabelOptions(labels: "folders")) == ["a/1.png": "a", "b/2.png": "b"])
        #expect(try labels(folder, LabelOptions(labels: "none")) == ["a/1.png": "root", "b/2.png": "root"])
        #expect(
            complaint(folder, LabelOptions(labels: "none", key: "kind")).contains("labelKey names 'kind', but labels"))
        #expect(
            complaint(folder, LabelOptions(labels: "", key: "lost")).contains("no metadata.jsonl or metadata.csv in"))
        let template = CaptionOptions(template: "a {}")
        let captioned = try ImageCollection.open(
            root: folder.path + "/root", captions: template, labels: LabelOptions(labels: "", key: "kind"))
        #expect(captioned.captions?[0] == ["a p"] && captioned.captions?[1] == ["a q"])
    }

    @Test(arguments: [
        ("l.csv", "filename,class\n1.png,cat\ndeep/2.png,dog\n"),
        ("l.csv", "label,path\ncat,./1.png\ndog,deep/2.png\n"),
        ("l.CSV", "image,label\n1.png,cat\ndeep/../deep/2.png,dog\n"),
        ("l.json", #"{"1.png":"cat","deep/2.png":"dog"}"#),
        ("l.json", #"{"labels":[["deep/2.png","dog"],["1.png","cat"]]}"#),
        ("l.json", #"{"labels":{"deep/2.png":"dog","1.png":"cat"}, "version": 2}"#),
        ("x/l.jsonl", "{\"file\":\"1.png\",\"label\":\"cat\"}\n{\"file\":\"deep/2.png\",\"label\":\"dog\"}\n"),
    ])
    func namedFiles(name: String, text: String) throws {
        let folder = try makeFolder([name: text], pictures: ["1.png", "deep/2.png"])
        let expected = ["1.png": "cat", "deep/2.png": "dog"]
        #expect(try labels(folder, LabelOptions(labels: name)) == expected)
        #expect(try labels(folder, LabelOptions(labels: folder.path + "/root/" + name)) == expected)
        // Beside the root, with paths relative to the root all the same.
        try folder.write(Array(text.utf8), to: "other/\(name)")
        #expect(try labels(folder, LabelOptions(labels: "../other/\(name)")) == expected)
    }

    @Test func numbersStayAndNamesAreSorted() throws {
        let pictures = ["1.png", "2.png", "3.png"]
        func classes(_ rows: [String], _ others: [String: String] = [:]) throws -> ([String], [Int]) {
            let text = "file_name,label\n" + zip(pictures, rows).map { "\($0),\($1)\n" }.joined()
            let folder = try makeFolder(others.merging(["metadata.csv": text]) { $1 }, pictures: pictures)
            let found = try ImageCollection.open(root: folder.path + "/root")
            return (found.classes, found.samples.map(\.label))
        }
        #expect(try classes(["2", "0", "2"]) == (["0", "1", "2"], [2, 0, 2]))
        // As pandas writes whole numbers in a column in which one is missing.
        #expect(try classes(["2.0", "0.0", "2"]) == (["0", "1", "2"], [2, 0, 2]))
        #expect(try classes(["2", "0", "1"], ["classes.txt": "a\nb\nc\nd\n"]) == (["a", "b", "c", "d"], [2, 0, 1]))
        #expect(try classes(["2", "x", "10"]) == (["10", "2", "x"], [1, 2, 0]))
        // By bytes: capitals first, and two spellings of a letter are two classes.
        let (names, labels) = try classes(["e\u{301}", "Z", "\u{E9}"])
        #expect(
            names.map { Array($0.utf8) } == ["Z", "e\u{301}", "\u{E9}"].map { Array($0.utf8) } && labels == [1, 0, 2])
        let folder = try makeFolder(
            ["metadata.csv": "file_name,label\n1.png,3\n2.png,0\n", "classes.txt": "a\nb\n"], pictures: pictures)
        #expect(complaint(folder).contains("classes.txt names 2 classes, but ROOT/metadata.csv has class 3"))
    }

    /// What a person can live with is counted and named, and training goes on.
    @Test func remarks() throws {
        let table = """
            file_name,label
            1.png,a
            2.png,
            lost.png,b
            ../root/3.png,b
            /4.png,b
            1.png,a
            sub/,a
            """
        let folder = try makeFolder(["metadata.csv": table], pictures: ["1.png", "2.png", "3.png", "4.png"])
        let found = try ImageCollection.open(root: folder.path + "/root")
        #expect(found.samples.map(\.name) == [folder.path + "/root/1.png"] && found.classes == ["a"])
        let remarks = found.remarks.map { $0.replacingOccurrences(of: folder.path + "/root/", with: "") }
        #expect(
            remarks == [
                "3 images have no label and are left out: 2.png, 3.png, 4.png.",
                "2 labels are those of no images: lost.png (metadata.csv, line 4), sub/ (metadata.csv, line 8).",
                "2 labels are those of files outside the root: ../root/3.png (metadata.csv, line 5), /4.png (metadata.csv, "
                    + "line 6).",
                "1 label is given twice: 1.png (metadata.csv, line 7).",
            ])
    }

    @Test(arguments: [
        (
            "metadata.csv", "file_name,label\n1.png,a\n1.png,b\n",
            "line 3, has the label b for 1.png, and ROOT/metadata.csv, line 2, a;"
        ),
        (
            "metadata.csv", "file_name,label\nx.png,a\n",
            "None of the 1 picture in ROOT has a label in ROOT/metadata.csv, whose"
        ),
        ("metadata.csv", "file_name,label\n1.png\n", "metadata.csv, line 2, has 1 value; expected 2"),
        ("metadata.csv", "file_name,label\n1.png,-1\n", "metadata.csv, line 2, has the label -1; expected the number"),
        ("metadata.csv", "file_name,label\n1.png,99999999\n", "has the label 99999999; expected the number of a class"),
        ("metadata.csv", "file_name,label\n1.png,\"a\n", "has a quote without an end"),
        (
            "metadata.csv", "name,label\n1.png,a\n",
            "has no column file_name; expected a first line such as file_name,label"
        ),
        ("metadata.jsonl", "{\"file_name\":\"1.png\",\"label\":-3}", "line 1, has the label -3"),
        (
            "metadata.jsonl", "{\"file_name\":\"1.png\",\"label\":[1,\"a\"]}",
            "line 1, has something other than a name or a whole"
        ),
        (
            "metadata.jsonl", "{\"file_name\":\"1.png\",\"label\":0.5}",
            "line 1, has something other than a name or a whole"
        ),
        (
            "metadata.jsonl", "{\"file_name\":\"1.png\",\"label\":null}",
            "has a label in ROOT/metadata.jsonl; expected paths"
        ),
        ("metadata.jsonl", "{\"file_name\":\"1.png\",\"label\":3}\n{", "line 2, is not a JSON object"),
        ("metadata.jsonl", "{", "line 1, is not a JSON object; correct it, or set labels to none for one class"),
        (
            "dataset.json", "{\"labels\": [[\"1.png\", 0]",
            "dataset.json is not JSON that lists labels, or damaged; expected"
        ),
        ("dataset.json", "{\"labels\": [[\"1.png\"]]}", "dataset.json is not JSON that lists labels"),
        ("dataset.json", "{\"labels\": 3}", "dataset.json is not JSON that lists labels"),
        (
            "dataset.json", "{\"labels\": [[\"1.png\", [0, 1]]]}",
            "dataset.json, entry 1, has a vector as its label; expected the number"
        ),
        ("dataset.json", "{\"labels\": [[\"1.png\", 1000000]]}", "dataset.json, entry 1, has the label 1000000"),
        (
            "dataset.json", "{\"labels\": [[\"../1.png\", 0]]}",
            "whose rows name other files: ../1.png (ROOT/dataset.json, "
        ),
        (
            "dataset.json", "{\"labels\": []}",
            "has a label in ROOT/dataset.json; expected paths relative to ROOT, such as 1.png"
        ),
    ])
    func refusals(name: String, text: String, words: String) throws {
        let folder = try makeFolder([name: text], pictures: ["1.png"])
        let message = complaint(folder)
        #expect(message.contains(words), "\(message)")
    }

    @Test func refusalsOfNamedFiles() throws {
        let folder = try makeFolder(
            [
                "both.csv": "file_name,label,class\n1.png,a,b\n",
                "mixed.jsonl": "{\"file\":\"1.png\",\"label\":3}\n"
                    + "{\"file\":\"2.png\",\"label\":\"x\"}", "neither.csv": "file_name,kind\n1.png,a\n",
            ], pictures: ["1.png", "2.png"])
        func message(_ file: String) -> String { complaint(folder, LabelOptions(labels: file)) }
        let long = String(repeating: "\u{E9}", count: 128)
        try folder.write(Array("path,label\n1.png,\(long)\n".utf8), to: "root/long.csv")
        #expect(
            message("long.csv").contains("long.csv, line 2, has a label of 256 bytes; expected the name of a class"))
        try folder.write(Array("path,label\n1.png,\(long.dropLast())\n".utf8), to: "root/long.csv")
        #expect(try labels(folder, LabelOptions(labels: "long.csv")) == ["1.png": String(long.dropLast())])
        #expect(message("both.csv").contains("has labels under 'label' and 'class'; choose one of them with labelKey"))
        #expect(message("mixed.jsonl").contains("both numbers, such as 3, and names, such as x, as labels"))
        #expect(message("neither.csv").contains("and a column 'label' or 'class'"))
        #expect(message("lost.csv").contains("ROOT/lost.csv cannot be opened: No such file or directory"))
        try folder.write(Array(#"{"1.png": 3}"#.utf8), to: "root/l.json")
        #expect(
            complaint(folder, LabelOptions(labels: "l.json", key: "x")).contains("l.json is a list, which has no keys"))
        #expect(message("a.tsv").contains("labels is ROOT/a.tsv; expected a .csv, .jsonl or .json file"))
        #expect(message("a.parquet").contains("a Parquet table; write its images as files"))
        let (path, list) = (folder.path + "/root/fifo.csv", LabelOptions(labels: "fifo.csv"))
        #expect(mkfifo(path, 0o600) == 0)
        #expect(complaint(folder, list).contains("is not a regular file but a FIFO"))
    }

    /// Files of that name that other programs make are no labels, and class folders need none.
    @Test func otherFilesOfTheNameAreNoLabels() throws {
        let folder = try makeFolder(
            ["dataset.json": "{\"name\": \"mine\"}", "metadata.jsonl": "{\"file_name\":\"a/1.png\",\"text\":\"x\"}\n"],
            pictures: ["a/1.png"])
        #expect(try labels(folder) == ["a/1.png": "a"])
        #expect(try ImageCollection.open(root: folder.path + "/root").remarks.count == 1)
        try folder.write(Array("id,label\n1,2\n".utf8), to: "root/metadata.csv")
        #expect(try labels(folder) == ["a/1.png": "a"])
    }
}
