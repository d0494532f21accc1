import Foundation
import PixNerdCheckpoints
import PixNerdEvaluation
import PixNerdImages
import PixNerdSupport
import PixNerdTestSupport
import Testing

/// Evaluations of images of other channels and depths than 8-bit colours.
@Suite struct PixelFormatEvaluationTests {
    /// Noise of a few levels around a ramp.
    private func picture(_ number: Int, _ format: PixelFormat, scale: Float = 1) -> Raster {
        format.raster(width: 32, height: 32) { channel, place in
            let hash = UInt32(truncatingIfNeeded: place &* 2_654_435_761 &+ number &* 40_503 &+ channel &* 977)
            return Float(place % 32) / 40 - 0.5 + scale * Float((hash ^ hash >> 13) % 1000) / 4000
        }
    }

    private func folder(
        _ directory: String, _ name: String, _ format: PixelFormat, scale: Float = 1, first: Int = 0,
        as file: ImageFile.StoredFormat
    ) throws -> String {
        let path = "\(directory)/\(name)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        for number in 0..<12 {
            try ImageFile.write(
                picture(first + number, format, scale: scale), as: file,
                to: "\(path)/\(number.zeroPadded(to: 2)).\(file.fileExtension)")
        }
        return path
    }

    private func values(_ real: String, _ generated: String, _ change: (inout Evaluation.Settings) -> Void = { _ in })
        throws -> [String: Double]
    {
        let report = try TinyEvaluation.evaluate(real, generated, extractor: nil, change).report
        return Dictionary(uniqueKeysWithValues: report.measures.map { ($0.name, $0.value) })
    }

    @Test func greyOfEightBitsMeasuresAsColorsDo() throws {
        try withTemporaryDirectory { directory in
            let grey = PixelFormat(.grey)
            let real = try folder(directory, "real", grey, as: .png)
            let generated = try folder(directory, "generated", grey, scale: 0.7, first: 50, as: .png)
            var colors: [String] = []
            for path in [real, generated] {
                let copy = "\(path)-colors"
                try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: true)
                for number in 0..<12 {
                    let name = "\(number.zeroPadded(to: 2)).png"
                    try ImageFile.writePNG(try ImageFile.read("\(path)/\(name)"), to: "\(copy)/\(name)")
                }
                colors.append(copy)
            }
            let (one, three) = (try values(real, generated), try values(colors[0], colors[1]))
            // Brightness is grey itself, but for the rounding of three weights.
            #expect(abs(one["spectrum"]! - three["spectrum"]!) < 1e-6)
            #expect(abs(one["seam_8"]! - three["seam_8"]!) < 1e-6)
            #expect(one["swd"]! > 0 && three["swd"]! > 0)
        }
    }

    @Test func lowerBitsCount() throws {
        try withTemporaryDirectory { directory in
            let format = PixelFormat(.grey, .uint16)
            let real = try folder(directory, "real", format, as: .png)
            // The same images without their lower eight bits.
            let cut = "\(directory)/cut"
            try FileManager.default.createDirectory(atPath: cut, withIntermediateDirectories: true)
            for number in 0..<12 {
                let name = "\(number.zeroPadded(to: 2)).png"
                let image = try ImageFile.readStored("\(real)/\(name)")
                let words = image.bytes.withUnsafeBytes { $0.bindMemory(to: UInt16.self).map { $0 & 0xFF00 } }
                try ImageFile.write(
                    Raster(
                        width: 32, height: 32, channels: 1, element: .uint16,
                        bytes: words.flatMap { withUnsafeBytes(of: $0, Array.init) }),
                    as: .png, to: "\(cut)/\(name)")
            }
            let found = try values(real, cut) { $0.arePairs = true }
            // Cutting takes up to 255 of 65535 away, 127.5 in the mean: 20 log10(65535 / 147).
            #expect(abs(found["psnr"]! - 53) < 1)
        }
    }

    @Test func arraysFoldersAndOtherTypesGoTogether() throws {
        try withTemporaryDirectory { directory in
            let sixteen = PixelFormat(.plain(5), .uint16)
            let real = try folder(directory, "real", sixteen, as: .tiff)
            let path = "\(directory)/generated.npz"
            let writer = try NpzWriter(path: path, arrays: [.init("arr_0", .uint16, [12, 32, 32, 5])])
            for number in 0..<12 { try picture(number, sixteen).bytes.withUnsafeBytes { try writer.append($0) } }
            try writer.finish()
            let (found, same) = (try values(real, path), try values(real, real))
            #expect(found["spectrum"] == 0 && found["swd"] == same["swd"])
            let eight = try folder(directory, "eight", PixelFormat(.plain(5)), as: .tiff)
            let near = try values(real, eight)
            #expect(near["spectrum"]! > 0 && abs(near["swd"]! - same["swd"]!) < 1)
        }
    }

    @Test func whatDoesNotGoTogetherIsRefused() throws {
        try withTemporaryDirectory { directory in
            let five = try folder(directory, "five", PixelFormat(.plain(5)), as: .tiff)
            let two = try folder(directory, "two", PixelFormat(.plain(2)), as: .tiff)
            let float = try folder(directory, "float", PixelFormat(.grey, .float32, range: -1...1), as: .npy)
            expectSentence(sentence { _ = try values(five, two) }, naming: ["5 channels", "2 channels"])
            expectSentence(sentence { _ = try values(float, float) }, naming: ["float32", "range"])
            let found = try values(float, float) { $0.range = -1...1 }
            #expect(found["spectrum"] == 0 && found["swd"] != nil)
        }
    }
}
