import Foundation
import PixNerdImages
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Damaged pictures: whatever is done to them, they are read or refused in one sentence, quickly and in little memory.
///
/// `PIXNERD_FUZZ=100000 swift test -c release --filter Fuzz` tries as many of each kind.
@Suite(.serialized) struct PictureFuzzTests {
    /// What the process may take more at its peak, in bytes: a picture of the most pixels that are read, and some.
    private static let memory = 3 * ImageFile.maximumPixels + (300 << 20)

    private func fuzz(_ names: [String], _ change: ([UInt8], inout Mutator) -> [UInt8]) throws {
        let files = try names.map { try Fixture.bytes($0) }
        var mutator = Mutator(seed: 20_251_121)
        var (read, refused) = (0, 0)
        let before = try peakMemory()
        for index in 0..<fuzzCount {
            do {
                let image = try ImageFile.decode(change(files[index % files.count], &mutator), name: "a picture")
                #expect(image.pixels.count == image.width * image.height * 3)
                read += 1
            } catch let error as PixNerdError {
                expectSentence(error.description, naming: ["a picture"])
                refused += 1
            }
        }
        #expect(read > 0 && refused > 0)
        #expect(read + refused == fuzzCount)
        let grown = try peakMemory() - before
        #expect(grown < Self.memory)
        if fuzzCount > 2000 {
            print("\(names[0]): \(read) read, \(refused) refused, \(grown >> 20) MiB more at the peak")
        }
    }

    @Test func damagedPNG() throws {
        try fuzz(["rgb8.png", "rgb8-interlaced.png", "palette4.png", "grey16-alpha.png", "palette4-transparent.png"]) {
            file, mutator in
            // The signature stays, and of four chunks three get the checksum that lets libpng look at what is in them.
            let damaged = Array(file[..<8]) + mutator.changed(Array(file[8...]))
            return mutator.next(4) == 0 ? damaged : withRightChecksums(damaged)
        }
    }

    @Test func damagedHeadersOfPNG() throws {
        try fuzz(["rgb8.png", "rgb8-interlaced.png", "palette4.png"]) { file, mutator in
            // Width, height, depth, colour, compression, filter and interlacing.
            var damaged = file
            for _ in 0...mutator.next(3) {
                damaged[16 + mutator.next(13)] =
                    [0, 1, 2, 4, 8, 16, 0x7f, 0xff, UInt8(mutator.next(256))][mutator.next(9)]
            }
            return withRightChecksums(damaged)
        }
    }

    @Test func damagedJPEG() throws {
        try fuzz(["colour420.jpg", "progressive.jpg", "cmyk.jpg", "restarts.jpg", "exif.jpg"]) { file, mutator in
            Array(file[..<3]) + mutator.changed(Array(file[3...]))
        }
    }

    @Test func damagedHeadersOfJPEG() throws {
        try fuzz(["colour420.jpg", "progressive.jpg", "cmyk.jpg"]) { file, mutator in
            // All before the first scan, which is where the decisions are.
            let scan = file.indices.first { $0 + 1 < file.count && file[$0] == 0xff && file[$0 + 1] == 0xda }!
            return Array(file[..<3]) + mutator.changed(Array(file[3..<scan])) + file[scan...]
        }
    }
}

/// A PNG file with its chunks' checksums computed anew, as far as its chunks can be followed.
private func withRightChecksums(_ file: [UInt8]) -> [UInt8] {
    var bytes = file
    var place = 8
    while place + 12 <= bytes.count {
        let length = bytes[place..<place + 4].reduce(0) { $0 << 8 | Int($1) }
        guard length <= bytes.count - place - 12 else { break }
        let end = place + 8 + length
        let sum = checksum(bytes[place + 4..<end])
        for i in 0..<4 { bytes[end + i] = UInt8(truncatingIfNeeded: sum >> (24 - 8 * UInt32(i))) }
        place = end + 4
    }
    return bytes
}

/// CRC-32 (PNG specification, annex D).
private func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    ~bytes.reduce(UInt32.max) { sum, byte in
        (0..<8).reduce(sum ^ UInt32(byte)) { sum, _ in sum & 1 == 1 ? 0xedb8_8320 ^ sum >> 1 : sum >> 1 }
    }
}
