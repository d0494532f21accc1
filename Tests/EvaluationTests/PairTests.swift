import Foundation
import PixNerdEvaluation
import PixNerdImages
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Pairs that are identical, missing, unreadable or read in other batches.
@Suite struct PairTests {
    private func plain(_ level: UInt8) -> RGBImage { RGBImage(width: 16, height: 16, fill: (level, level, level)) }

    private func write(_ pictures: [String: UInt8], to folder: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for (name, level) in pictures { try ImageFile.writePNG(plain(level), to: "\(folder)/\(name).png") }
    }

    private func pairs(_ first: String, _ second: String, limit: Int? = nil, resamples: Int = 4) throws
        -> EvaluationReport
    {
        try TinyEvaluation.evaluate(first, second, limit: limit, extractor: nil) {
            ($0.arePairs, $0.resamples) = (true, resamples)
        }.report
    }

    @Test func anIdenticalPairDoesNotHideTheOthers() throws {
        try withTemporaryDirectory { directory in
            let (a, b) = ("\(directory)/a", "\(directory)/b")
            try write(["1": 10, "2": 20, "3": 30], to: a)
            try write(["1": 10, "2": 25, "3": 35], to: b)
            let measure = try #require(pairs(a, b)["psnr"])
            expectNear(measure.value, 10 * log10(255.0 * 255 / 25), relative: 1e-12, because: "differences of 5 levels")
            #expect(measure.note == "dB, mean of 2 pairs; 1 identical pair left out")
            let equal = try #require(pairs(a, a)["psnr"])
            #expect(equal.value == .infinity && equal.note == "dB, all 3 pairs identical" && equal.interval == nil)
        }
    }

    @Test func aMissingImageIsNamed() throws {
        try withTemporaryDirectory { directory in
            let (a, b) = ("\(directory)/a", "\(directory)/b")
            try write(["1": 10, "2": 20, "3": 30], to: a)
            try write(["1": 10, "3": 30], to: b)
            expectSentence(sentence { _ = try pairs(a, b) }, naming: ["\(a) holds the image 2", "\(b) does not"])
            // As many on both sides, so that order alone would pair the wrong ones.
            try write(["4": 40], to: b)
            expectSentence(sentence { _ = try pairs(a, b) }, naming: ["the image 2"])
            expectSentence(sentence { _ = try pairs(b, a) }, naming: ["the image 4"])
        }
    }

    @Test func otherNamesArePairedByOrderWithARemark() throws {
        try withTemporaryDirectory { directory in
            let (a, b) = ("\(directory)/a", "\(directory)/b")
            try write(["1": 10, "2": 20], to: a)
            try write(["x": 15, "y": 25], to: b)
            #expect(try pairs(a, b)["psnr"]?.note?.contains("matched by order, not by name") == true)
            try write(["z": 30], to: b)
            expectSentence(sentence { _ = try pairs(a, b) }, naming: ["holds 2 images", "3"])
        }
    }

    @Test func anUnreadableImageOfEitherSideIsRefused() throws {
        try withTemporaryDirectory { directory in
            let (a, b) = ("\(directory)/a", "\(directory)/b")
            for folder in [a, b] { try write(["1": 10, "2": 20, "3": 30, "4": 40], to: folder) }
            try Data("no image".utf8).write(to: URL(fileURLWithPath: "\(b)/2.png"))
            for (first, second) in [(a, b), (b, a)] {
                expectSentence(sentence { _ = try pairs(first, second) }, naming: ["2.png"])
            }
        }
    }

    /// A limit takes rows of an array from batches that are read whole, but images of a folder in full batches.
    @Test func sidesMayBeReadInOtherBatches() throws {
        try withTemporaryDirectory { directory in
            let (a, b) = (pictureBatch(30, 16, 16, kind: 1), pictureBatch(30, 16, 16, kind: 2))
            try TinyEvaluation.writeFolder(a, to: "\(directory)/a")
            try TinyEvaluation.writeArray(a, to: "\(directory)/a.npz")
            try TinyEvaluation.writeArray(b, to: "\(directory)/b.npz")
            let one = try pairs("\(directory)/a", "\(directory)/b.npz", limit: 9)
            let other = try pairs("\(directory)/a.npz", "\(directory)/b.npz", limit: 9)
            #expect(one["psnr"]?.value == other["psnr"]?.value && one["ssim"]?.value == other["ssim"]?.value)
        }
    }

    @Test func croppedOriginalsAreRemarked() throws {
        try withTemporaryDirectory { directory in
            try TinyEvaluation.writeArray(pictureBatch(3, 20, 24, kind: 1), to: "\(directory)/a.npz")
            try TinyEvaluation.writeArray(pictureBatch(3, 16, 16, kind: 1), to: "\(directory)/b.npz")
            #expect(
                try pairs("\(directory)/a.npz", "\(directory)/b.npz")["psnr"]?.note?.contains("3 originals cropped")
                    == true)
        }
    }

    @Test func noResamplesGiveNoIntervals() throws {
        try withTemporaryDirectory { directory in
            let (a, b) = ("\(directory)/a.npz", "\(directory)/b.npz")
            try TinyEvaluation.writeArray(pictureBatch(12, 16, 16, kind: 1), to: a)
            try TinyEvaluation.writeArray(pictureBatch(12, 16, 16, kind: 2), to: b)
            let report = try TinyEvaluation.evaluate(a, b) {
                ($0.arePairs, $0.resamples, $0.subsetSize) = (true, 0, 4)
            }.report
            #expect(report.measures.count > 8 && report.measures.allSatisfy { $0.interval == nil })
        }
    }
}
