import Foundation
import PixNerdCheckpoints
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Testing

@Suite struct FileFingerprintTests {
    private func withSaved(_ body: (_ path: String, _ bytes: [UInt8]) throws -> Void) throws {
        try withScratchDirectory { directory in
            let path = "\(directory)/saved.safetensors"
            try SafetensorsWriter.write(
                [("a", Tensor([1, 2, 3], shape: [3])), ("b", Tensor([4], shape: [1]))], metadata: ["classes": "xxh3"],
                to: path)
            try body(path, [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))))
        }
    }

    @Test func savedFilesFitTheirs() throws {
        try withSaved { path, bytes in
            let file = try SafetensorsFile(path: path)
            let recorded = try #require(file.recordedFingerprint)
            #expect(recorded.count == 32)
            try file.checkFingerprint()
            try TensorFile.open(path: path).checkFingerprint()
            // With zeros in its place it is the hash of the file.
            let text = String(decoding: bytes, as: UTF8.self)
            #expect(text.contains("\"xxh3\":\"\(recorded)\""))
            var fingerprint = Fingerprint()
            let start = try #require(bytes.firstRange(of: Array(recorded.utf8))).lowerBound
            var blank = bytes
            blank.replaceSubrange(start..<start + 32, with: [UInt8](repeating: 0x30, count: 32))
            blank.withUnsafeBytes { fingerprint.add($0) }
            #expect(fingerprint.text == recorded)
        }
    }

    /// Only a change to the name of the fingerprint itself, which turns the file into one without, goes unnoticed.
    @Test func everyFlippedBitIsNoticed() throws {
        try withSaved { path, bytes in
            let key = try #require(bytes.firstRange(of: Array("\"xxh3\":".utf8)))
            for place in bytes.indices where !key.contains(place) {
                var changed = bytes
                changed[place] ^= UInt8(1 << (place % 8))
                unlink(path)
                try Data(changed).write(to: URL(fileURLWithPath: path))
                let error = #expect(throws: PixNerdError.self, "byte \(place)") {
                    try SafetensorsFile(path: path).checkFingerprint()
                }
                expectSentence(error?.description ?? "")
            }
        }
    }

    /// The entry of that name holds the fingerprint.
    @Test func noTensorIsCalledMetadata() throws {
        try withScratchDirectory { directory in
            let error = #expect(throws: PixNerdError.self) {
                try SafetensorsWriter.write([("__metadata__", Tensor(zeros: [1]))], to: "\(directory)/a.safetensors")
            }
            expectSentence(error?.description ?? "", naming: ["__metadata__"])
        }
    }

    @Test func filesWithoutOneAreReadable() throws {
        let file = try SafetensorsFile(path: Fixtures.path("pixnerd/tiny-checkpoint.safetensors"))
        #expect(file.recordedFingerprint == nil)
        try file.checkFingerprint()
    }

    @Test func aFileThatIsCutShortIsNamed() throws {
        try withSaved { path, bytes in
            let file = try SafetensorsFile(path: path)
            #expect(truncate(path, 8) == 0)
            let error = #expect(throws: PixNerdError.self) { try file.tensor("a") }
            expectSentence(error?.description ?? "", naming: [path, "cut short", "\(bytes.count)"])
            #expect(throws: PixNerdError.self) { try file.checkFingerprint() }
        }
    }
}

@Suite struct OutsideNumberTests {
    @Test func resultsThatDoNotFitHaveNoValue() {
        let most = CheckedInt(Int.max)
        #expect((most + 1).value == nil && (most * 2).value == nil && (0 - most - 2).value == nil)
        #expect((most / 0).value == nil && (most * 2 / 2).clamped == .max)
        #expect((3 * CheckedInt(5) + 1).value == 16)
    }

    @Test(
        arguments: [
            ([2, 3], 6), ([], 1), ([0, 5], 0), ([0, 1 << 62, 1 << 62], nil), ([1 << 62, 0], nil), ([-1, 0], nil),
            ([1 << 59], nil), ([1 << 58], 1 << 58),
        ] as [([Int], Int?)])
    func shapesHaveACountOrAreImpossible(shape: [Int], count: Int?) {
        #expect(elementCount(shape) == count)
    }
}
