import Foundation
import PixNerdCheckpoints
import PixNerdSupport
import PixNerdTestSupport
import Testing

/// Files of numpy, as numpy wrote them; `make_npz_fixtures.py` makes them anew.
@Suite struct NpzTests {
    private static func file(_ name: String) throws -> NpzFile { try NpzFile(path: Fixtures.path("npz/\(name).npz")) }

    private static func bytes(_ elements: StoredElements) -> [UInt8] { elements.withUnsafeBytes { Array($0) } }

    @Test(arguments: ["stored", "deflated", "version-2"])
    func arraysAreWhatNumpyWrote(name: String) throws {
        let file = try Self.file(name)
        let expected = try SafetensorsFile(path: Fixtures.path("npz/expected.safetensors"))
        #expect(file.names.count == (name == "version-2" ? 2 : 16))
        for name in file.names where name != "empty" {
            let (read, stored) = (try file.elements(of: name), try expected.elements(of: name))
            #expect(file.shape(of: name) == (name == "scalar" ? [] : stored.shape))
            #expect(read.type == stored.type)
            #expect(Self.bytes(read) == Self.bytes(stored), "\(name)")
        }
        if file.names.contains("empty") {
            #expect(file.shape(of: "empty") == [0, 4])
            #expect(try file.elements(of: "empty").count == 0)
        }
        #expect(file.unreadable.isEmpty)
    }

    @Test func valuesInDoublePrecision() throws {
        let file = try Self.file("stored")
        #expect(try file.elements(of: "scalar").doubles() == [0.1])
        #expect(try file.elements(of: "vector").doubles() == [0, 1, 2, 3, 4])
        #expect(try file.elements(of: "one").doubles() == [7.5])
    }

    @Test(arguments: ["stored", "deflated"], ["pictures", "fortran_u1", "f8", "scalar", "empty"])
    func rowsAreThoseOfTheArray(file name: String, array: String) throws {
        let file = try Self.file(name)
        let whole = Self.bytes(try file.elements(of: array))
        let rows = file.shape(of: array)?.first ?? 1
        for rowsAtOnce in [1, 3, 10, 1000] {
            var (seen, next): ([UInt8], Int) = ([], 0)
            try file.forEachRows(of: array, rowsAtOnce) { bytes, range in
                #expect(range.lowerBound == next && range.count <= rowsAtOnce)
                #expect(rows == 0 || bytes.count == whole.count / rows * range.count)
                seen += bytes
                next = range.upperBound
            }
            #expect(next == rows)
            #expect(seen == whole)
        }
    }

    @Test func typesThatAreNotReadAreNamed() throws {
        let file = try Self.file("unread-types")
        #expect(file.names == ["good", "unsigned"])
        #expect(file.unreadable == ["big": ">f4", "text": "<U2", "complex": "<c16", "things": "|O"])
        #expect(try file.tensor("unsigned").values == [1])
        let error = try #require(throws: PixNerdError.self) { try file.elements(of: "big") }
        expectSentence(error.description)
        #expect(error.description.contains("big") && error.description.contains(">f4"))
        let absent = try #require(throws: PixNerdError.self) { try file.elements(of: "mu") }
        #expect(absent.description.contains("lacks the array mu; it holds good"))
        let nothing = try #require(throws: PixNerdError.self) { try Self.file("nothing") }
        #expect(nothing.description.contains("text of type '<U1'"))
    }

    @Test func otherFilesAreRefusedInASentence() throws {
        for name in ["torch/plain.pt", "npz/vector.npy", "npz/expected.safetensors", "npz/absent.npz"] {
            let error = try #require(throws: PixNerdError.self) { try NpzFile(path: Fixtures.path(name)) }
            expectSentence(error.description)
        }
    }

    @Test func headersThatPromiseOtherThingsAreRefused() throws {
        let good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }"
        let texts = [
            (good, 8, true), (good, 12, false), (good.replacing("(2,)", with: "(2, 1)"), 8, true),
            (good.replacing("(2,)", with: "(2)"), 8, false), (good.replacing("(2,)", with: "(-2,)"), 8, false),
            (good.replacing("(2,)", with: "()"), 4, true), (good.replacing("(2,)", with: "(2L,)"), 8, true),
            (good.replacing("2", with: "4611686018427387904"), 8, false),
            (good.replacing("2", with: "0, 4611686018427387904"), 0, false),
            (good.replacing("False", with: "0"), 8, false), (good.replacing("'<f4'", with: "[('a', '<f4')]"), 8, false),
            (good.replacing("descr", with: "shape"), 8, false), (good + "x", 8, false), ("", 8, false),
            (good.replacing("}", with: "'more': True}"), 8, false),
        ]
        for (text, size, isGood) in texts {
            let array =
                [0x93] + Array("NUMPY".utf8) + [1, 0] + TorchArchive.little(text.utf8.count, 2) + Array(text.utf8)
                + [UInt8](repeating: 0, count: size)
            var archive = TorchArchive(pickle: [])
            archive.entries = [("x.npy", array)]
            try withTemporaryDirectory { directory in
                let path = "\(directory)/x.npz"
                try Data(archive.bytes).write(to: URL(fileURLWithPath: path))
                if isGood {
                    #expect(try NpzFile(path: path).elements(of: "x").count * 4 == size, "\(text)")
                } else {
                    let error = try #require(throws: PixNerdError.self, "\(text)") { try NpzFile(path: path) }
                    expectSentence(error.description)
                }
            }
        }
    }

    // MARK: Writing

    @Test func whatIsWrittenIsWhatNumpyWrites() throws {
        let file = try Self.file("stored")
        try withTemporaryDirectory { directory in
            let path = "\(directory)/written.npz"
            let names = file.names
            let arrays = names.map { NpzWriter.Array($0, file.elementType(of: $0)!, file.shape(of: $0)!) }
            let writer = try NpzWriter(path: path, arrays: arrays)
            for name in names {
                // In odd pieces.
                let bytes = Self.bytes(try file.elements(of: name))
                for start in stride(from: 0, to: bytes.count, by: 7) {
                    try bytes[start..<min(start + 7, bytes.count)].withUnsafeBytes { try writer.append($0) }
                }
            }
            try writer.finish()
            let read = try NpzFile(path: path)
            #expect(read.names == names)
            for name in names {
                #expect(read.shape(of: name) == file.shape(of: name))
                #expect(Self.bytes(try read.elements(of: name)) == Self.bytes(try file.elements(of: name)))
            }
            // Entries are stored, so that numpy's own bytes of the same array stand in the file.
            let all = try Data(contentsOf: URL(fileURLWithPath: path))
            for name in ["npz/pictures.npy", "npz/vector.npy"] {
                #expect(all.range(of: Data(try fixtureBytes(name))) != nil, "\(name)")
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["written.npz"])
        }
    }

    @Test func sameArraysMakeTheSameFile() throws {
        try withTemporaryDirectory { directory in
            let files = try ["a", "b"].map { name in
                let writer = try NpzWriter(
                    path: "\(directory)/\(name).npz", arrays: [.init("arr_0", .int64, [3]), .init("mu", .float64, [])])
                try writer.append([Int64(1), 2, 3])
                try writer.append([0.5])
                try writer.finish()
                return try Data(contentsOf: URL(fileURLWithPath: "\(directory)/\(name).npz"))
            }
            #expect(files[0] == files[1])
        }
    }

    @Test func whatIsNotFinishedLeavesNothing() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/a.npz"
            try Data("before".utf8).write(to: URL(fileURLWithPath: path))
            do {
                let writer = try NpzWriter(path: path, arrays: [.init("arr_0", .uint8, [1 << 20])])
                try writer.append([UInt8](repeating: 1, count: 1000))
            }
            #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data("before".utf8))
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["a.npz"])
        }
        let error = try #require(throws: PixNerdError.self) {
            try NpzWriter(path: "/nowhere/at/all.npz", arrays: [.init("a", .uint8, [1])])
        }
        expectSentence(error.description)
    }

    @Test func writingTooMuchOrTooLittleIsAMistake() async {
        await #expect(processExitsWith: .failure) {
            let writer = try NpzWriter(
                path: NSTemporaryDirectory() + "pixnerd-too-much.npz", arrays: [.init("a", .uint8, [3])])
            try writer.append([UInt8](repeating: 0, count: 4))
        }
        await #expect(processExitsWith: .failure) {
            let writer = try NpzWriter(
                path: NSTemporaryDirectory() + "pixnerd-too-little.npz", arrays: [.init("a", .uint8, [3])])
            try writer.append([UInt8](repeating: 0, count: 2))
            try writer.finish()
        }
    }
}
