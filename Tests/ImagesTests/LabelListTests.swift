import Foundation
import PixNerdImages
import PixNerdSupport
import PixNerdTestSupport
import Testing

/// Labels in JSON: lists of several classes, and those in shards.
@Suite struct LabelListTests {
    private let png = try! ImageFile.encodePNG(syntheticPicture(width: 5, height: 4, kind: 0))

    @Test func severalClassesOfAnImage() throws {
        let rows = [
            #"{"file_name":"1.png","label":["cat","dog","cat"],"n":[4,0]}"#,
            #"{"file_name":"2.png","label":"dog","n":2}"#,
            #"{"file_name":"3.png","label":[],"n":[]}"#, #"{"file_name":"4.png","label":["ant"],"n":[0,0]}"#,
            #"{"file_name":"1.png","label":["dog","cat"],"n":[0,4]}"#,
        ]
        let folder = try TemporaryFolder()
        for number in 1...4 { try folder.write(png, to: "root/\(number).png") }
        try folder.write(Array(rows.joined(separator: "\n").utf8), to: "root/metadata.jsonl")
        let found = try ImageCollection.open(root: folder.path + "/root")
        #expect(found.classes == ["ant", "cat", "dog"] && found.samples.map(\.label) == [1, 2, 0, 0])
        let sets = try #require(found.labelSets)
        #expect((0..<sets.count).map { sets[$0] } == [[1, 2], [2], [], [0]])
        #expect(found.remarks.count == 1 && found.remarks[0].hasPrefix("1 label is given twice: 1.png ("))
        let report = DatasetReport(inspecting: found)
        #expect(report.classes.map(\.pictures) == [1, 1, 2])
        #expect(report.classesPerPicture?.smallest == 0 && report.classesPerPicture?.largest == 2)
        #expect(report.picturesByClasses == [0: 1, 1: 2, 2: 1])
        let others = found.relabelled(["cat", "dog", "ant"], labels: [2, 0, 1])
        #expect((0..<4).map { others.labels(of: $0) } == [[0, 1], [1], [], [2]])
        #expect(found.subset([3, 0]).labelSets.map { [$0[0], $0[1]] } == [[0], [1, 2]])
        let numbers = try ImageCollection.open(root: folder.path + "/root", labels: LabelOptions(labels: "", key: "n"))
        #expect(numbers.classes == ["0", "1", "2", "3", "4"] && numbers.samples.map(\.label) == [0, 2, 0, 0])
        #expect(numbers.labelSets?[0] == [0, 4] && numbers.labelSets?[2] == [] && numbers.labelSets?[3] == [0])
        // Lists of one class each are classes like any other; null is no list, and the image is left out.
        let single = rows[3] + "\n" + rows[2].replacing("[]", with: "null")
        try folder.write(Array(single.utf8), to: "root/metadata.jsonl")
        let plain = try ImageCollection.open(root: folder.path + "/root")
        #expect(plain.labelSets == nil && plain.samples.count == 1 && plain.labels(of: 0) == [0])
        try folder.write(Array((rows[2] + "\n" + rows[0]).utf8), to: "root/metadata.jsonl")
        try folder.write(Array((rows[2] + "\n" + rows[2].replacing("[]", with: "[1]")).utf8), to: "root/two.jsonl")
        let clash = #expect(throws: PixNerdError.self) {
            try ImageCollection.open(root: folder.path + "/root", labels: LabelOptions(labels: "two.jsonl"))
        }
        expectSentence(clash?.description ?? "", naming: ["line 2, has the label 1 for 3.png, and", "line 1, []"])
        try folder.write(
            Array((rows[0] + "\n" + rows[0].replacing("dog", with: "eel")).utf8), to: "root/metadata.jsonl")
        let error = #expect(throws: PixNerdError.self) { try ImageCollection.open(root: folder.path + "/root") }
        expectSentence(
            error?.description ?? "",
            naming: ["line 2, has the label cat, eel, cat for 1.png, and", "line 1, cat, dog"])
        let path = try folder.write(
            tar([
                ("1.png", png), ("1.json", Array(#"{"label": ["b", "a"]}"#.utf8)), ("2.png", png),
                ("2.json", Array(#"{"label": "b"}"#.utf8)),
            ]), to: "a.tar")
        let shard = try ImageCollection.open(root: path)
        #expect(shard.classes == ["a", "b"] && shard.labelSets?[0] == [0, 1] && shard.labelSets?[1] == [1])
        try folder.write(tar([("1.png", png), ("1.json", Array(#"{"label": []}"#.utf8))]), to: "a.tar")
        let none = try ImageCollection.open(root: path)
        #expect(none.classes == ["0"] && none.labelSets?[0] == [] && none.samples[0].label == 0)
    }

    @Test func shardsWithJSON() throws {
        let folder = try TemporaryFolder()
        func file(_ name: String, _ text: String) -> (name: String, content: [UInt8]) { (name, Array(text.utf8)) }
        let path = try folder.write(
            tar([
                ("1.png", png), file("1.json", #"{"label": "dog", "n": 4}"#),
                file("2.json", #"{"label":"cat", "n": 0}"#),
                ("2.png", png), file("3.json", "broken"),
            ]), to: "a.tar")
        let found = try ImageCollection.open(root: path)
        #expect(found.classes == ["cat", "dog"] && found.samples.map(\.label) == [1, 0])
        let numbers = try ImageCollection.open(root: path, labels: LabelOptions(labels: "", key: "n"))
        #expect(numbers.classes == ["0", "1", "2", "3", "4"] && numbers.samples.map(\.label) == [4, 0])
        #expect(try ImageCollection.open(root: path, labels: LabelOptions(labels: "none")).classes.count == 1)
        // A .cls file goes before JSON, which is then not even read.
        try folder.write(tar([("1.png", png), file("1.json", "broken"), file("1.cls", "1")]), to: "b.tar")
        #expect(try ImageCollection.open(root: folder.path + "/b.tar").samples.map(\.label) == [1])
        for (text, words) in [
            ("broken", "a.tar/1.json is not a JSON object"), (#"{"label": -1}"#, "a.tar/1.json has the label -1"),
            ("{}", "has no class; expected 1.cls with a number next to it, or 1.json with 'label'"),
        ] {
            try folder.write(tar([("1.png", png), file("1.json", text)]), to: "a.tar")
            let error = #expect(throws: PixNerdError.self) { try ImageCollection.open(root: path) }
            expectSentence(error?.description ?? "", naming: [words])
        }
        for labels in ["folders", "l.csv"] {
            let error = #expect(throws: PixNerdError.self) {
                try ImageCollection.open(root: path, labels: LabelOptions(labels: labels))
            }
            expectSentence(error?.description ?? "", naming: ["labels asks for labels outside of the shards"])
        }
    }
}
