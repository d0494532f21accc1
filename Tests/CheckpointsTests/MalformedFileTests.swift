import Foundation
import PixNerdCheckpoints
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Files that are not what they should be give one sentence and never more.
@Suite struct MalformedFileTests {
    private static let floats = bytes(of: (1...6).map { Float($0).bitPattern })
    private static let goodHeader = #"""
        {"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},\#
        "b":{"dtype":"F16","shape":[4],"data_offsets":[16,24]}}
        """#
    private static let good = safetensorsBytes(goodHeader, floats)

    private func refuse(
        _ bytes: [UInt8], naming needed: [String] = [], sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        try withTemporaryDirectory { directory in
            let path = try write(bytes, in: directory)
            let error = #expect(throws: PixNerdError.self, sourceLocation: sourceLocation) {
                try SafetensorsFile(path: path)
            }
            expectSentence(error?.description ?? "", naming: [path] + needed, sourceLocation: sourceLocation)
        }
    }

    @Test func theFileThatTheOthersAreMadeFromIsGood() throws {
        try withFile(Self.good) { file in
            #expect(file.names == ["a", "b"])
            let values = try file.tensor("a").values
            #expect(values == [1, 2, 3, 4])
        }
    }

    @Test func everyTruncationIsRefused() throws {
        try withTemporaryDirectory { directory in
            let path = try write(Self.good, in: directory)
            let handle = try #require(FileHandle(forUpdatingAtPath: path))
            for length in Self.good.indices.reversed() {
                try handle.truncate(atOffset: UInt64(length))
                let error = #expect(throws: PixNerdError.self, "\(length) bytes") {
                    try SafetensorsFile(path: path)
                }
                expectSentence(error?.description ?? "", naming: [path])
            }
        }
    }

    @Test func aFileThatGoesOnIsRefused() throws {
        try refuse(Self.good + [0], naming: ["end at byte"])
    }

    @Test(arguments: [UInt64.max, 1 << 63, 1 << 62, 100_000_001, 100_000_000, 10_000, 1, 0])
    func absurdHeaderLengthsAreRefused(length: UInt64) throws {
        try refuse(bytes(of: [length]) + Self.good[8...])
    }

    @Test(arguments: [
        "hello", "[]", "[1,2,3]", "{}x", "null", "{", "{\"a\"", "{\"a\":}", "{\"a\":1}", "{\"a\":[]}", "{\"a\":null}",
        "{\"__metadata__\":1}", "{\"__metadata__\":{\"a\":1}}", "{\"__metadata__\":[\"a\"]}", "{\u{0}}",
    ])
    func headersOfOtherFormAreRefused(header: String) throws {
        try refuse(safetensorsBytes(header))
    }

    @Test func bytesThatAreNoTextAreRefused() throws {
        try refuse(bytes(of: [4 as UInt64]) + [UInt8(ascii: "{"), 0xFF, 0xC0, UInt8(ascii: "}")])
    }

    @Test(arguments: [
        // Lacking or of another kind.
        #"{"dtype":"F32","shape":[6]}"#, #"{"dtype":"F32","data_offsets":[0,24]}"#,
        #"{"shape":[6],"data_offsets":[0,24]}"#, #"{"dtype":1,"shape":[6],"data_offsets":[0,24]}"#,
        #"{"dtype":"F32","shape":6,"data_offsets":[0,24]}"#, #"{"dtype":"F32","shape":["6"],"data_offsets":[0,24]}"#,
        #"{"dtype":"F32","shape":[1.5,4],"data_offsets":[0,24]}"#, #"{"dtype":"F32","shape":[6],"data_offsets":24}"#,
        #"{"dtype":"F32","shape":[6],"data_offsets":[24]}"#, #"{"dtype":"F32","shape":[6],"data_offsets":[0,24,24]}"#,
        #"{"dtype":"F32","shape":[6],"data_offsets":[0,24.5]}"#,
        // Shapes that cannot be.
        #"{"dtype":"F32","shape":[-6],"data_offsets":[0,24]}"#,
        #"{"dtype":"F32","shape":[-2,-3],"data_offsets":[0,24]}"#,
        #"{"dtype":"F32","shape":[0,-1],"data_offsets":[0,0]}"#,
        #"{"dtype":"F32","shape":[4611686018427387905,4],"data_offsets":[0,16]}"#,
        #"{"dtype":"F32","shape":[9223372036854775807],"data_offsets":[0,24]}"#,
        #"{"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,24]}"#,
        #"{"dtype":"F32","shape":[1e300],"data_offsets":[0,24]}"#,
        #"{"dtype":"U8","shape":[4294967296,4294967296,256],"data_offsets":[0,0]}"#,
        // Offsets that do not fit.
        #"{"dtype":"F32","shape":[6],"data_offsets":[24,0]}"#, #"{"dtype":"F32","shape":[6],"data_offsets":[-24,0]}"#,
        #"{"dtype":"F32","shape":[6],"data_offsets":[0,20]}"#, #"{"dtype":"F32","shape":[5],"data_offsets":[0,24]}"#,
        #"{"dtype":"F64","shape":[6],"data_offsets":[0,24]}"#,
        #"{"dtype":"F32","shape":[6],"data_offsets":[9223372036854775783,9223372036854775807]}"#,
        #"{"dtype":"F32","shape":[7],"data_offsets":[0,28]}"#, #"{"dtype":"F32","shape":[5],"data_offsets":[0,20]}"#,
        #"{"dtype":"F32","shape":[5],"data_offsets":[4,24]}"#,
    ])
    func entriesThatDoNotFitAreRefused(entry: String) throws {
        try refuse(safetensorsBytes("{\"some.weight\":\(entry)}", Self.floats))
    }

    @Test(arguments: ["F8_E4M3", "C64", "f32", "U128", "", "F32 "])
    func unknownElementTypesAreNamed(type: String) throws {
        let header = "{\"some.weight\":{\"dtype\":\"\(type)\",\"shape\":[24],\"data_offsets\":[0,24]}}"
        try refuse(safetensorsBytes(header, Self.floats), naming: ["some.weight", "'\(type)'"])
    }

    @Test(arguments: [
        // Overlap, gap, two tensors in one place, one name twice.
        ("a", "[3]", "[0,12]", "b", "[4]", "[8,24]"), ("a", "[2]", "[0,8]", "b", "[3]", "[12,24]"),
        ("a", "[6]", "[0,24]", "b", "[6]", "[0,24]"), ("a", "[3]", "[0,12]", "a", "[3]", "[12,24]"),
        ("a", "[6]", "[0,24]", "b", "[0]", "[25,25]"),
        // As many bytes in all as the file has.
        ("a", "[3]", "[0,12]", "b", "[3]", "[8,20]"), ("a", "[3]", "[0,12]", "b", "[3]", "[0,12]"),
        ("a", "[3]", "[4,16]", "b", "[3]", "[12,24]"),
    ])
    func tensorsMustLieOneBehindTheOther(
        first: String, shape: String, offsets: String, second: String, otherShape: String, otherOffsets: String
    ) throws {
        let header = """
            {"\(first)":{"dtype":"F32","shape":\(shape),"data_offsets":\(offsets)},\
            "\(second)":{"dtype":"F32","shape":\(otherShape),"data_offsets":\(otherOffsets)}}
            """
        try refuse(safetensorsBytes(header, Self.floats))
    }

    @Test(arguments: [("{\"a\":", "}"), ("{\"a\":[", "]}")])
    func deepNestingIsRefused(opening: String, closing: String) throws {
        let depth = 100_000
        let header = String(repeating: opening, count: depth) + "1" + String(repeating: closing, count: depth)
        try refuse(safetensorsBytes(header))
    }

    @Test func whatIsNoFileIsRefused() throws {
        try withTemporaryDirectory { directory in
            for path in [directory, "\(directory)/nothing.safetensors", "/dev/null"] {
                let error = #expect(throws: PixNerdError.self) { try SafetensorsFile(path: path) }
                expectSentence(error?.description ?? "", naming: [path])
            }
        }
    }

    /// Whatever byte of the header is changed: either the file is refused, or every tensor of it can be read.
    @Test func changedBytesNeverCrash() throws {
        var stream = RandomStream(seed: 7, purpose: .test)
        let headerEnd = Self.good.count - Self.floats.count
        var (refused, accepted) = (0, 0)
        try withTemporaryDirectory { directory in
            let path = try write(Self.good, in: directory)
            let handle = try #require(FileHandle(forUpdatingAtPath: path))
            func set(_ byte: UInt8, at place: Int) throws {
                try handle.seek(toOffset: UInt64(place))
                try handle.write(contentsOf: [byte])
            }
            for _ in 0..<4000 {
                let place = stream.nextInteger(below: headerEnd)
                try set(UInt8(stream.nextInteger(below: 256)), at: place)
                defer { try? set(Self.good[place], at: place) }
                do {
                    let file = try SafetensorsFile(path: path)
                    for name in file.names {
                        let tensor = try file.tensor(name)
                        #expect(tensor.values.count == tensor.shape.reduce(1, *))
                    }
                    accepted += 1
                } catch is PixNerdError {
                    refused += 1
                }
            }
        }
        // Some changes only rename a tensor; most break something.
        #expect(accepted > 100 && refused > 2000)
    }
}
