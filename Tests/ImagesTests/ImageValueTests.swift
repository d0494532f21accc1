import Foundation
import PixNerdImages
import PixNerdSupport
import PixNerdTestSupport
import Testing

/// Numbers of images in tables and in JSON.
@Suite struct ImageValueTests {
    private let png = try! ImageFile.encodePNG(syntheticPicture(width: 5, height: 4, kind: 0))

    /// A folder with images in two class folders.
    private func pictures(_ count: Int = 4) throws -> (folder: TemporaryFolder, root: String) {
        let folder = try TemporaryFolder()
        for number in 1...count { try folder.write(png, to: "root/\(number % 2 == 0 ? "b" : "a")/\(number).png") }
        return (folder, folder.path + "/root")
    }

    private func rows(_ collection: ImageCollection) throws -> [String: [Double?]] {
        let values = try #require(collection.values)
        #expect(values.count == collection.samples.count)
        return Dictionary(
            uniqueKeysWithValues: collection.samples.enumerated().map {
                (String($1.name.split(separator: "/").last!), values[$0])
            })
    }

    @Test func valuesOfTables() throws {
        let (folder, root) = try pictures()
        try folder.write(
            Array(
                """
                {"file_name": "a/1.png", "age": 30, "zoom": 1.5, "n": true}
                {"file_name": "b/2.png", "zoom": -2e3, "age": null}
                {"file_name": "a/3.png", "age": 3.0, "zoom": ""}
                {"file_name": "b/9.png", "age": "x", "zoom": 1}
                """.utf8), to: "root/metadata.jsonl")
        // A table in a folder has paths relative to it.
        try folder.write(Array("file_name,age,zoom\n4.png, 7 ,\n2.png,,-2000\n".utf8), to: "root/b/metadata.csv")
        let found = try ImageCollection.open(root: root, values: ["age", "zoom"])
        let expected: [String: [Double?]] = [
            "1.png": [30, 1.5], "2.png": [nil, -2000], "3.png": [3, nil], "4.png": [7, nil],
        ]
        #expect(try rows(found) == expected && found.classes == ["a", "b"])
        try found.values?.expectNoneMissing()
        // What is read is not named as left out.
        #expect(found.remarks.isEmpty, "\(found.remarks)")
        #expect(try ImageCollection.open(root: root).values == nil)
        let spread = try #require(found.values).summary(of: 0)
        #expect(spread.count == 3 && spread.empty == 1 && spread.missing == 0 && spread.name == "age")
        #expect(spread.minimum == 3 && spread.maximum == 30 && spread.mean == 40.0 / 3)
        #expect(abs((spread.standardDeviation ?? 0) - 11.897_712) < 1e-5)
        let part = found.subset([3, 0])
        #expect(part.values?[1] == found.values?[0] && part.values?.count == 2)
        #expect(DatasetReport(inspecting: found).values?.map(\.count) == [3, 2])
    }

    @Test func valuesBesideLabelsOfATable() throws {
        let (folder, root) = try pictures()
        let table = "image,class,age\na/1.png,x,1\nb/2.png,y,2\na/3.png,,9\nb/4.png,y,4\n"
        try folder.write(Array(table.utf8), to: "root/t.csv")
        let found = try ImageCollection.open(root: root, labels: LabelOptions(labels: "t.csv"), values: ["age"])
        // The third has no label and is left out.
        #expect(try rows(found) == ["1.png": [1], "2.png": [2], "4.png": [4]])
        let one = try ImageCollection.open(root: root, labels: LabelOptions(labels: "none"), values: ["age"])
        #expect(one.values?.summary(of: 0).missing == 4)
        let archive = try folder.write(
            zip([
                ZipFile("a/1.png", png), ZipFile("a/metadata.jsonl", Array(#"{"file_name":"1.png","age":5}"#.utf8)),
            ]), to: "a.zip")
        #expect(try ImageCollection.open(root: archive, values: ["age"]).values?[0] == [5])
    }

    @Test func valuesOfShards() throws {
        let folder = try TemporaryFolder()
        func file(_ name: String, _ text: String) -> (name: String, content: [UInt8]) { (name, Array(text.utf8)) }
        let path = try folder.write(
            tar([
                ("1.png", png), file("1.cls", "1"), file("1.json", #"{"age": 2.5}"#), file("2.json", #"{"age": null}"#),
                ("2.png", png), file("2.cls", "0"), ("3.png", png), file("3.cls", "0"),
            ]), to: "a.tar")
        for labels in ["", "none"] {
            let found = try ImageCollection.open(
                root: path, labels: LabelOptions(labels: labels), values: ["age"])
            #expect(try rows(found) == ["1.png": [2.5], "2.png": [nil], "3.png": [nil]])
            let error = #expect(throws: PixNerdError.self) { try found.values?.expectNoneMissing() }
            expectSentence(error?.description ?? "", naming: ["a.tar/3.png has no 'age'", "a .json file next to it"])
        }
        try folder.write(tar([("1.png", png), file("1.json", #"{"label": "x", "age": [1]}"#)]), to: "a.tar")
        let error = #expect(throws: PixNerdError.self) { try ImageCollection.open(root: path, values: ["age"]) }
        expectSentence(error?.description ?? "", naming: ["a.tar/1.json has something other than a number under 'age'"])
    }

    @Test func missingValuesAreNamed() throws {
        let (folder, root) = try pictures()
        func refusal() throws -> String {
            let found = try ImageCollection.open(root: root, values: ["age"])
            return sentence { try found.values?.expectNoneMissing() }
        }
        expectSentence(
            try refusal(), naming: ["root/a/1.png has no 'age', as 3 more of the images", "metadata.jsonl"])
        try folder.write(Array("file_name,size\na/1.png,4\n".utf8), to: "root/metadata.csv")
        expectSentence(try refusal(), naming: ["root/a/1.png has no 'age'"])
        try folder.write(
            Array(
                (1...4).map {
                    #"{"file_name":"\#($0 % 2 == 0 ? "b" : "a")/\#($0).png"\#($0 == 3 ? "" : #","age":1"#)}"#
                }
                .joined(separator: "\n").utf8), to: "root/metadata.jsonl")
        expectSentence(try refusal(), naming: ["root/a/3.png has no 'age'; expected"])
    }

    @Test func whatIsNoFiniteNumberIsRefused() throws {
        let (folder, root) = try pictures(1)
        func refused(_ words: String, json: String? = nil, csv: String? = nil) throws {
            if let json { try folder.write(Array(json.utf8), to: "root/metadata.jsonl") }
            if let csv { try folder.write(Array("file_name,age\n\(csv)\n".utf8), to: "root/metadata.csv") }
            expectSentence(
                sentence { _ = try ImageCollection.open(root: root, values: ["age"]) }, naming: [words])
        }
        for (value, words) in [
            ("tall", "line 2, has 'tall' under 'age'"), ("nan", "has 'nan'"), ("-inf", "has '-inf'"),
            ("1e999", "has '1e999'"), ("1e39", "has '1e39'"),
        ] {
            try refused(words, csv: "a/1.png,\(value)")
        }
        try refused("line 3, has 2.0 under 'age', and another row 1.0", csv: "a/1.png,1\na/1.png,2")
        try refused("line 3, has nothing under 'age', and another row 1.0", csv: "a/1.png,1\na/1.png,")
        try refused("line 3, has 1 value", csv: "a/1.png,1\na/1.png")
    }

    @Test(arguments: ["true", "\"30\"", "[1]", "{}", "1e60", "1e999"])
    func jsonThatIsNoFiniteNumber(value: String) throws {
        let (folder, root) = try pictures(1)
        try folder.write(Array(#"{"file_name":"a/1.png","age":\#(value)}"#.utf8), to: "root/metadata.jsonl")
        expectSentence(
            sentence { _ = try ImageCollection.open(root: root, values: ["age"]) },
            naming: ["metadata.jsonl, line 1,"])
    }

    /// Whatever is done to tables, they are read or refused in one sentence.
    @Test(arguments: ["metadata.jsonl", "metadata.csv"])
    func damagedTables(name: String) throws {
        let (folder, root) = try pictures(2)
        let text =
            name.hasSuffix("csv")
            ? "file_name,label,age\na/1.png,x,1.5\n\"b/2.png\",y,\n"
            : #"{"file_name":"a/1.png","age":1.5,"label":["x","y"]}"# + "\n"
                + #"{"file_name":"b/2.png","age":null,"label":[]}"#
        var mutator = Mutator(seed: 7)
        var (read, refused) = (0, 0)
        for _ in 0..<fuzzCount / 10 {
            try folder.write(mutator.changed(Array(text.utf8)), to: "root/\(name)")
            do {
                let found = try ImageCollection.open(root: root, values: ["age"])
                #expect(found.values?.count == found.samples.count)
                _ = found.values?.summary(of: 0)
                read += 1
            } catch let error as PixNerdError {
                expectSentence(error.description, naming: ["root"])
                refused += 1
            }
        }
        #expect(read > 0 && refused > 0)
    }
}
