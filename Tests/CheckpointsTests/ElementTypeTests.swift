import Foundation
import PixNerdCheckpoints
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Every element type that is read, from bytes written by hand.
@Suite struct ElementTypeTests {
    /// A file with one tensor; `prefix` bytes of U8 stand before it, so that it may lie anywhere.
    private func file(_ type: String, _ count: Int, _ data: [UInt8], prefix: Int = 0) -> [UInt8] {
        let before = prefix > 0 ? #""before":{"dtype":"U8","shape":[\#(prefix)],"data_offsets":[0,\#(prefix)]},"# : ""
        let offsets = "[\(prefix),\(prefix + data.count)]"
        return safetensorsBytes(
            "{\(before)\"x\":{\"dtype\":\"\(type)\",\"shape\":[\(count)],\"data_offsets\":\(offsets)}}",
            [UInt8](repeating: 9, count: prefix) + data)
    }

    private static let cases: [(type: String, data: [UInt8], expected: [Float])] = [
        ("F64", bytes(of: [1.5, -0.1, 1e300, .infinity].map(\.bitPattern)), [1.5, -0.1, .infinity, .infinity]),
        ("F32", bytes(of: [Float(1.5), -0.1, 0x1p-149].map(\.bitPattern)), [1.5, -0.1, 0x1p-149]),
        // One, largest, smallest normal, largest and smallest subnormal, infinity: IEEE 754 binary16.
        (
            "F16", bytes(of: [0x3C00, 0xC000, 0x7BFF, 0x0400, 0x03FF, 0x8001, 0xFC00, 0x3555] as [UInt16]),
            [1, -2, 65504, 0x1p-14, 1023 * 0x1p-24, -0x1p-24, -.infinity, 0.33325195]
        ),
        ("BF16", bytes(of: [0x3F80, 0xC040, 0x7F80, 0x0001] as [UInt16]), [1, -3, .infinity, 0x1p-133]),
        ("I64", bytes(of: [-1, 1 << 40, .min] as [Int64]), [-1, 0x1p40, -0x1p63]),
        ("I32", bytes(of: [-7, .max] as [Int32]), [-7, 0x1p31]),
        ("I16", bytes(of: [-300, .max] as [Int16]), [-300, 32767]),
        ("I8", bytes(of: [-128, 127] as [Int8]), [-128, 127]),
        ("U8", [0, 7, 255], [0, 7, 255]),
        ("BOOL", [0, 1], [0, 1]),
    ]

    @Test(arguments: cases, [0, 1, 3, 4])
    func valuesAreThoseOfTheirBits(example: (type: String, data: [UInt8], expected: [Float]), prefix: Int) throws {
        let count = example.expected.count
        try withFile(file(example.type, count, example.data, prefix: prefix)) { file in
            let tensor = try file.tensor("x")
            #expect(tensor.shape == [count])
            #expect(tensor.values == example.expected)
        }
    }

    @Test func halvesThatAreNotNumbersStaySo() throws {
        try withFile(file("F16", 2, bytes(of: [0x7E00, 0x8000] as [UInt16]))) { file in
            let values = try file.tensor("x").values
            #expect(values[0].isNaN)
            #expect(values[1] == 0 && values[1].sign == .minus)
        }
    }

    private static let integerCases: [(type: String, data: [UInt8], expected: [Int])] = [
        ("I64", bytes(of: [.min, 3, .max] as [Int64]), [.min, 3, .max]),
        ("I32", bytes(of: [.min, 3] as [Int32]), [-1 << 31, 3]),
        ("I16", bytes(of: [-300, 300] as [Int16]), [-300, 300]),
        ("I8", bytes(of: [-128, 127] as [Int8]), [-128, 127]),
        ("U8", [0, 200], [0, 200]),
        ("BOOL", [1, 0], [1, 0]),
    ]

    @Test(arguments: integerCases, [0, 1])
    func integersAreExact(example: (type: String, data: [UInt8], expected: [Int]), prefix: Int) throws {
        try withFile(file(example.type, example.expected.count, example.data, prefix: prefix)) { file in
            let integers = try file.integers("x")
            #expect(integers == example.expected)
        }
    }

    @Test(arguments: ["F64", "F32", "F16", "BF16"])
    func fractionsAreNotIntegers(type: String) throws {
        let size = type == "F64" ? 8 : type == "F32" ? 4 : 2
        try withFile(file(type, 1, [UInt8](repeating: 0, count: size))) { file in
            let error = #expect(throws: PixNerdError.self) { try file.integers("x") }
            expectSentence(error?.description ?? "", naming: [file.path, "x", type])
        }
    }

    /// Headers of odd length put all data at odd addresses.
    @Test(arguments: 0..<4)
    func headersOfAnyLengthAreRead(spaces: Int) throws {
        let header =
            #"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"# + String(repeating: " ", count: spaces)
        try withFile(safetensorsBytes(header, bytes(of: [Float(3), -4].map(\.bitPattern)))) { file in
            let values = try file.tensor("x").values
            #expect(values == [3, -4])
        }
    }

    @Test func aScalarHasOneElement() throws {
        let header = #"{"x":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}"#
        try withFile(safetensorsBytes(header, bytes(of: [Float(3).bitPattern]))) { file in
            let tensor = try file.tensor("x")
            #expect(file.shape(of: "x") == [])
            #expect(tensor.scalar == 3)
        }
    }

    @Test func anEmptyTensorIsNamedWhenItIsRead() throws {
        let header = #"{"x":{"dtype":"F32","shape":[3,0],"data_offsets":[0,0]}}"#
        try withFile(safetensorsBytes(header)) { file in
            #expect(file.names == ["x"])
            let error = #expect(throws: PixNerdError.self) { try file.tensor("x") }
            expectSentence(error?.description ?? "", naming: [file.path, "x", "[3, 0]"])
        }
    }

    @Test func halfPrecisionIsReadAtEveryBitPattern() throws {
        let patterns = Array(UInt16.min...UInt16.max)
        try withFile(file("F16", patterns.count, bytes(of: patterns))) { file in
            for (pattern, value) in zip(patterns, try file.tensor("x").values) {
                let (exponent, fraction) = (Int(pattern >> 10) & 31, Double(pattern & 1023))
                let size =
                    exponent == 0 ? fraction * 0x1p-24 : (1 + fraction / 1024) * exp2(Double(exponent - 15))
                let sign: Double = pattern < 0x8000 ? 1 : -1
                let isRight =
                    exponent < 31
                    ? Double(value) == sign * size
                    : fraction == 0 ? Double(value) == sign * .infinity : value.isNaN
                guard !isRight else { continue }
                Issue.record("the half \(String(pattern, radix: 16)) became \(value)")
            }
        }
    }
}
