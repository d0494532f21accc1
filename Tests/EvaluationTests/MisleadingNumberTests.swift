import Foundation
import PixNerdEvaluation
import PixNerdImages
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Numbers that mislead carry a remark, and measures that are left out are named.
@Suite struct MisleadingNumberTests {
    private func plain(_ level: UInt8) -> PixelBatch {
        PixelBatch(count: 4, height: 16, width: 16, pixels: [UInt8](repeating: level, count: 4 * 16 * 16 * 3))
    }

    @Test func blackAndWhiteAreNotEqual() throws {
        try withTemporaryDirectory { directory in
            let (a, b) = ("\(directory)/a.npz", "\(directory)/b.npz")
            try TinyEvaluation.writeArray(plain(0), to: a)
            try TinyEvaluation.writeArray(plain(255), to: b)
            let report = try TinyEvaluation.evaluate(a, b, extractor: nil).report
            for name in ["swd", "spectrum"] {
                let measure = try #require(report[name])
                #expect(abs(measure.value) < 1e-9)
                #expect(measure.note?.contains("real and generated images are plain colours") == true)
                #expect(measure.note?.contains("mean colours differ by 255 of 255") == true)
            }
            try TinyEvaluation.writeArray(pictureBatch(4, 16, 16, kind: 1), to: "\(directory)/c.npz")
            let own = try TinyEvaluation.evaluate("\(directory)/c.npz", "\(directory)/c.npz", extractor: nil).report
            #expect(own["swd"]?.note?.contains(";") == false)
        }
    }

    @Test func measuresThatAreLeftOutAreNamed() throws {
        try withTemporaryDirectory { directory in
            try TinyEvaluation.writeArray(pictureBatch(3, 7, 7, kind: 1), to: "\(directory)/a.npz")
            let report = try TinyEvaluation.evaluate("\(directory)/a.npz", "\(directory)/a.npz") { $0.arePairs = true }
                .report
            let text = (report.leftOut ?? []).joined(separator: "\n")
            for needed in ["precision and recall", "sliced Wasserstein", "seams", "SSIM"] {
                #expect(text.contains(needed), "\(needed) in \(text)")
            }
            #expect(report["precision"] == nil && report["fid"]?.note == "3 images are too few for 12 features")
        }
    }

    @Test func aHalfMayBeUnreadable() throws {
        try withTemporaryDirectory { directory in
            try TinyEvaluation.writeFolder(pictureBatch(6, 16, 16, kind: 1), to: "\(directory)/a")
            // Whatever two images are left, there are seeds that put both in one half.
            for name in ["000", "001", "002", "003"] {
                try Data("no image".utf8).write(to: URL(fileURLWithPath: "\(directory)/a/\(name).png"))
            }
            for seed in 0..<20 {
                let report = try? TinyEvaluation.evaluate("\(directory)/a", "\(directory)/a") {
                    $0.seed = UInt64(seed)
                    $0.size = ImageSize(height: 16, width: 16)
                }.report
                #expect(report?.real.pictures == 2)
            }
        }
    }

    @Test(arguments: [Int.max, Int.max / 2 + 1, 9])
    func patchesThatAreTooLarge(patch: Int) {
        #expect(!PatchSeam.isMeasurable(patch: patch, height: 16, width: 16))
    }
}
