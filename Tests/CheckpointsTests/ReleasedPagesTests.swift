import Foundation
import PixNerdCheckpoints
import PixNerdTestSupport
import Testing

@testable import PixNerdTensors

/// Pages of a mapped file are given back when a copy of its tensors is used from then on.
@Suite struct ReleasedPagesTests {
    private let shape = [512, 2048]
    private var bytes: Int { 4 * shape.reduce(1, *) }

    /// Calls `body` with a weight in a mapped file, another tensor behind it, and the file's path.
    private func withWeight(_ body: (_ weight: Tensor, _ other: Tensor, _ path: String) throws -> Void) throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/model.safetensors"
            let weight = Tensor.normal(shape) { RandomStream(seed: 3, purpose: .test, index: $0) }
            try SafetensorsWriter.write([("weight", weight), ("other", Tensor([5, 6], shape: [2]))], to: path)
            let file = try SafetensorsFile(path: path)
            try body(try file.tensor("weight"), try file.tensor("other"), path)
        }
    }

    /// Resident bytes of a mapping of this process.
    private func residentBytes(of path: String) throws -> Int {
        // Files of /proc have no size, by which other ways of reading would stop.
        let smaps = try #require(FileHandle(forReadingAtPath: "/proc/self/smaps")).readToEnd() ?? Data()
        let lines = String(decoding: smaps, as: UTF8.self).split(separator: "\n")
        // The name may lead through a symbolic link.
        let name = path.split(separator: "/").suffix(2).joined(separator: "/")
        let start = try #require(lines.firstIndex { $0.hasSuffix(name) })
        let line = try #require(lines[start...].first { $0.hasPrefix("Rss:") })
        return try 1024 * #require(line.split(separator: " ").dropFirst().first.flatMap { Int($0) })
    }

    private func expectResident(_ path: String, _ isRight: (_ bytes: Int) -> Bool) throws {
        let resident = try residentBytes(of: path)
        #expect(isRight(resident), "\(resident) bytes are resident")
    }

    @Test func tensorsGivePagesBackAndFetchThemAgain() throws {
        try withWeight { weight, other, path in
            let values = weight.values
            try expectResident(path) { $0 >= bytes }
            weight.releasePages()
            try expectResident(path) { $0 < bytes / 8 }
            #expect(weight.values == values)
            #expect(other.values == [5, 6])
        }
    }

    @Test func roundedCopiesReplacePages() throws {
        try withWeight { weight, _, path in
            let values = weight.values
            let rounded = weight.rounded(to: BFloat16.self)
            try expectResident(path) { $0 < bytes / 8 }
            let expected = values.map { UInt16(($0.bitPattern + 0x7fff + (($0.bitPattern >> 16) & 1)) >> 16) }
            #expect((0..<values.count).allSatisfy { rounded.pointer[$0].bits == expected[$0] })
            // The copy is used again, without the file.
            #expect(weight.reshaped([weight.count]).rounded(to: BFloat16.self).pointer == rounded.pointer)
            try expectResident(path) { $0 < bytes / 8 }
        }
    }

    @Test(.whereBFloat16IsHad) func packedWeightsReplacePages() throws {
        try withWeight { weight, _, path in
            let x = Tensor.normal([64, shape[1]]) { RandomStream(seed: 4, purpose: .test, index: $0) }
            let own = weight.copied()
            let out = try Precision.bf16 { linear(x, weight: weight) }
            try expectResident(path) { $0 < bytes / 8 }
            let expected = try Precision.bf16 { linear(x, weight: own) }
            #expect(out.values == expected.values)
        }
    }

    @Test func memoryOfOthersStays() {
        var tensor = Tensor([1, 2, 3], shape: [3])
        tensor.releasePages()
        #expect(tensor.values == [1, 2, 3])
        tensor.withUnsafeMutableBuffer { $0[0] = 7 }
        let owner = NSObject()
        let values: [Float] = [1, 2]
        values.withUnsafeBufferPointer { values in
            let borrowed = Tensor(borrowing: values.baseAddress!, shape: [2], owner: owner)
            borrowed.releasePages()
            #expect(borrowed.values == [1, 2])
        }
        #expect(tensor.values == [7, 2, 3])
    }
}
