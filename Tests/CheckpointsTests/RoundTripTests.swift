import Foundation
import PixNerdCheckpoints
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// What is written is read back to the bit.
@Suite struct RoundTripTests {
    private let numbers = Tensor(
        [0, -0.0, 1.5, .leastNonzeroMagnitude, .greatestFiniteMagnitude, -.infinity], shape: [2, 3])

    @Test func tensorsIntegersAndMetadataComeBack() throws {
        let metadata = ["classes": "[\"a \\\"b\\\"\", \"ä\n✓\"]", "step": "12", "empty": ""]
        try withTemporaryDirectory { directory in
            let path = "\(directory)/model.safetensors"
            try SafetensorsWriter.write(
                [("z.weight", numbers), ("a.bias", Tensor([7], shape: [1]))],
                integers: [("labels", [2, 2], [.min, -1, 0, .max]), ("count", [], [5])], metadata: metadata, to: path)
            let file = try SafetensorsFile(path: path)
            #expect(file.names == ["labels", "count", "z.weight", "a.bias"])
            #expect(file.metadata == metadata.merging(["format": "pt"]) { $1 })
            #expect(file.shape(of: "z.weight") == [2, 3])
            #expect(file.shape(of: "labels") == [2, 2])
            #expect(file.shape(of: "nothing") == nil)
            #expect(try file.tensor("z.weight").values.map(\.bitPattern) == numbers.values.map(\.bitPattern))
            #expect(try file.tensor("a.bias").values == [7])
            #expect(try file.integers("labels") == [.min, -1, 0, .max])
            #expect(try file.integers("count") == [5])
        }
    }

    @Test func aFormatOfOnesOwnIsKept() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/model.safetensors"
            try SafetensorsWriter.write([("a", numbers)], metadata: ["format": "np"], to: path)
            #expect(try SafetensorsFile(path: path).metadata == ["format": "np"])
        }
    }

    /// Headers of every length leave the data at a multiple of 64 bytes, behind a header that ends in spaces.
    @Test(arguments: [1, 2, 3, 30, 63, 64, 65])
    func dataAreAligned(nameLength: Int) throws {
        let name = String(repeating: "n", count: nameLength)
        try withTemporaryDirectory { directory in
            let path = "\(directory)/model.safetensors"
            try SafetensorsWriter.write([(name, numbers)], to: path)
            let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
            let length = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
            #expect((8 + length) % 64 == 0)
            #expect(bytes.count == 8 + length + 24)
            let header = String(decoding: bytes[8..<8 + length], as: UTF8.self)
            #expect(header.hasPrefix("{") && header.trimmingCharacters(in: .whitespaces).hasSuffix("}"))
        }
    }

    @Test func fixturesOfPyTorchAreWrittenAndReadAlike() throws {
        let original = try Fixtures.pixnerd("tiny-training")
        let labels = try original.integers("train.y")
        let floats = original.names.filter { $0 != "train.y" }
        try withTemporaryDirectory { directory in
            let path = "\(directory)/copy.safetensors"
            try SafetensorsWriter.write(
                floats.map { ($0, try original.tensor($0)) },
                integers: [("train.y", try #require(original.shape(of: "train.y")), labels)],
                metadata: original.metadata, to: path)
            let copy = try SafetensorsFile(path: path)
            #expect(Set(copy.names) == Set(original.names))
            #expect(copy.metadata == original.metadata)
            #expect(try copy.integers("train.y") == labels)
            for name in floats {
                #expect(copy.shape(of: name) == original.shape(of: name))
                #expect(try copy.tensor(name).values == original.tensor(name).values, "\(name)")
            }
        }
    }

    /// A run saves over the file that a reader has mapped.
    @Test func tensorsOutliveTheirFile() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/model.safetensors"
            try SafetensorsWriter.write([("a", numbers)], to: path)
            var tensor = try SafetensorsFile(path: path).tensor("a")
            try SafetensorsWriter.write([("a", Tensor(zeros: [2, 3]))], to: path)
            #expect(tensor.values == numbers.values)
            tensor.withUnsafeMutableBuffer { $0[0] = 42 }
            #expect(tensor.values.first == 42)
            #expect(try SafetensorsFile(path: path).tensor("a").values == [0, 0, 0, 0, 0, 0])
        }
    }

    @Test func aMissingTensorIsNamed() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/model.safetensors"
            try SafetensorsWriter.write([("a", numbers)], to: path)
            let file = try SafetensorsFile(path: path)
            let error = #expect(throws: PixNerdError.self) { try file.tensor("blocks.0.b") }
            expectSentence(error?.description ?? "", naming: [path, "blocks.0.b"])
            let other = #expect(throws: PixNerdError.self) { try file.integers("a") }
            expectSentence(other?.description ?? "", naming: [path, "F32", "integers"])
        }
    }

    @Test func writingWhereThereIsNoFolderSaysSo() {
        let error = #expect(throws: PixNerdError.self) {
            try SafetensorsWriter.write([("a", numbers)], to: "/nonexistent/folder/a.safetensors")
        }
        expectSentence(error?.description ?? "", naming: ["/nonexistent/folder/a.safetensors", "No such file"])
    }
}
