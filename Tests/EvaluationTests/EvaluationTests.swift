import Foundation
import PixNerdCheckpoints
import PixNerdEvaluation
import PixNerdImages
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Synchronization
import Testing

/// Whole evaluations, with a network that is only a projection.
@Suite struct WholeEvaluationTests {
    /// A projection that counts its images.
    private struct Counting: FeatureExtractor {
        let seen = Counter()
        private let network = TinyEvaluation.Projection()
        var title: String { network.title }
        var fingerprint: String { network.fingerprint }
        var width: Int { network.width }

        final class Counter: Sendable {
            let pictures = Mutex(0)
        }

        func callAsFunction(_ batch: PixelBatch) -> ExtractedFeatures {
            seen.pictures.withLock { $0 += batch.count }
            return network(batch)
        }
    }

    /// Only the first of several evaluations against the same images sends these through the network.
    @Test func featuresOfRealPicturesAreKept() throws {
        try withTemporaryDirectory { directory in
            for (name, kind) in [("a", 1), ("b", 2), ("c", 0)] {
                try TinyEvaluation.writeArray(pictureBatch(20, 32, 32, kind: kind), to: "\(directory)/\(name).npz")
            }
            func evaluate(_ real: String, _ generated: String, _ keeping: String?) throws -> (json: String, seen: Int) {
                let network = Counting()
                let found = try TinyEvaluation.evaluate(
                    "\(directory)/\(real).npz", "\(directory)/\(generated).npz", extractor: network,
                    keepingIn: keeping)
                return (try found.report.json(), network.seen.pictures.withLock { $0 })
            }
            let kept = "\(directory)/kept"
            let plain = try evaluate("a", "b", nil)
            #expect(plain.seen == 40)
            for seen in [40, 20] {
                let found = try evaluate("a", "b", kept)
                #expect(found.json == plain.json && found.seen == seen)
            }
            #expect(try evaluate("a", "c", kept).seen == 20)
            #expect(try evaluate("c", "b", kept).seen == 40, "other pictures are not those")
            // Features that cannot be read are computed again.
            let folder = "\(kept)/fp32"
            for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
                try Data("torn".utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
            }
            let again = try evaluate("a", "b", kept)
            #expect(again.json == plain.json && again.seen == 40)
        }
    }

    @Test func foldersAndArraysGiveTheSame() throws {
        try withTemporaryDirectory { directory in
            let (a, b) = (pictureBatch(24, 32, 32, kind: 1), pictureBatch(30, 32, 32, kind: 2))
            try TinyEvaluation.writeFolder(a, to: "\(directory)/a")
            try TinyEvaluation.writeArray(a, to: "\(directory)/a.npz")
            try TinyEvaluation.writeArray(b, to: "\(directory)/b.npz")
            let one = try TinyEvaluation.evaluate("\(directory)/a", "\(directory)/b.npz").report
            let other = try TinyEvaluation.evaluate("\(directory)/a.npz", "\(directory)/b.npz").report
            #expect(
                one.measures.map(\.name) == [
                    "fid", "sfid", "kid", "precision", "recall", "inception_score", "swd_32x32", "swd_16x16", "swd",
                    "spectrum", "seam_4", "seam_8", "seam_16",
                ])
            for (x, y) in zip(one.measures, other.measures) {
                #expect(x.value == y.value && x.interval == y.interval && x.floor == y.floor, "\(x.name)")
            }
            #expect(one.real.pictures == 24 && one.generated.pictures == 30 && !one.real.isStored)
            // The batch size changes only the last bits of sums.
            let large = try TinyEvaluation.evaluate("\(directory)/a", "\(directory)/b.npz") { $0.batch = 100 }.report
            for (x, y) in zip(one.measures, large.measures) {
                expectNear(x.value, y.value, relative: 1e-9, because: "other batches")
            }
            let seed = try TinyEvaluation.evaluate("\(directory)/a", "\(directory)/b.npz") { $0.seed = 1 }.report
            #expect(seed["fid"]?.value == one["fid"]?.value && seed["fid"]?.floor != one["fid"]?.floor)
        }
    }

    @Test func theReportIsOfTheMeasures() throws {
        try withTemporaryDirectory { directory in
            let (a, b) = (pictureBatch(24, 32, 32, kind: 1), pictureBatch(30, 32, 32, kind: 2))
            try TinyEvaluation.writeArray(a, to: "\(directory)/a.npz")
            try TinyEvaluation.writeArray(b, to: "\(directory)/b.npz")
            let found = try TinyEvaluation.evaluate("\(directory)/a.npz", "\(directory)/b.npz")
            let (x, y) = (TinyEvaluation.Projection()(a), TinyEvaluation.Projection()(b))
            let fid = try #require(found.report["fid"])
            let distance = try FrechetDistance(to: GaussianStatistics(of: x.pool))(GaussianStatistics(of: y.pool))
            expectNear(fid.value, distance, relative: 1e-9, because: "the same features")
            let interval = try #require(fid.interval)
            #expect(interval[0] < fid.value && fid.value < interval[1])
            #expect(try #require(fid.floor) < fid.value)
            let sfid = try FrechetDistance(to: GaussianStatistics(of: try #require(x.spatial)))(
                GaussianStatistics(of: try #require(y.spatial)))
            expectNear(try #require(found.report["sfid"]).value, sfid, relative: 1e-9, because: "the same features")
            let score = InceptionScore(logits: try #require(y.logits))
            expectNear(
                try #require(found.report["inception_score"]).value, score.mean, relative: 1e-12,
                because: "rows of an array keep their order")
            let manifolds = PrecisionRecall(real: x.pool, generated: y.pool)
            #expect(found.report["precision"]?.value == manifolds.precision)
            #expect(found.report["recall"]?.value == manifolds.recall)
            let json = try JSONSerialization.jsonObject(with: Data(found.report.json().utf8)) as? [String: Any]
            #expect((json?["measures"] as? [Any])?.count == found.report.measures.count)
        }
    }

    @Test func picturesAgainstThemselvesAreNear() throws {
        try withTemporaryDirectory { directory in
            try TinyEvaluation.writeArray(pictureBatch(40, 32, 32, kind: 1), to: "\(directory)/a.npz")
            let report = try TinyEvaluation.evaluate("\(directory)/a.npz", "\(directory)/a.npz") { $0.arePairs = true }
                .report
            for name in ["fid", "sfid", "spectrum"] {
                #expect(abs(try #require(report[name]).value) < 1e-6, "\(name)")
            }
            // The estimate is unbiased for independent images; here each image occurs on both sides.
            #expect(try #require(report["kid"]).value < 0)
            #expect(report["precision"]?.value == 1 && report["recall"]?.value == 1)
            #expect(report["psnr"]?.value == .infinity)
            #expect(abs(try #require(report["ssim"]).value - 1) < 1e-12)
            #expect(try report.json().contains("\"inf\""))
        }
    }

    @Test func storedStatisticsTakeThePlaceOfPictures() throws {
        try withTemporaryDirectory { directory in
            try TinyEvaluation.writeArray(pictureBatch(24, 32, 32, kind: 1), to: "\(directory)/a.npz")
            try TinyEvaluation.writeArray(pictureBatch(30, 32, 32, kind: 2), to: "\(directory)/b.npz")
            let direct = try TinyEvaluation.evaluate("\(directory)/a.npz", "\(directory)/b.npz")
            try #require(direct.real).write(to: "\(directory)/real.npz")
            try #require(direct.generated).write(to: "\(directory)/generated.npz")
            let file = try NpzFile(path: "\(directory)/real.npz")
            #expect(file.names == ["count", "mu", "mu_s", "sigma", "sigma_s"])
            #expect(file.elementType(of: "sigma") == .float64 && file.shape(of: "sigma") == [12, 12])
            let stored = try TinyEvaluation.evaluate("\(directory)/real.npz", "\(directory)/b.npz").report
            #expect(stored["fid"]?.value == direct.report["fid"]?.value)
            #expect(stored["sfid"]?.value == direct.report["sfid"]?.value)
            #expect(stored["kid"] == nil && stored["swd"] == nil && stored["fid"]?.floor == nil)
            #expect(stored.real.isStored && stored.real.pictures == 24)
            // Both stored: no network is needed.
            let both = try TinyEvaluation.evaluate(
                "\(directory)/real.npz", "\(directory)/generated.npz", extractor: nil
            ).report
            #expect(both.measures.map(\.name) == ["fid", "sfid"] && both["fid"]?.value == direct.report["fid"]?.value)
            #expect(both.size == nil && both.features == nil)
        }
    }

    @Test func realPicturesAreCroppedToTheGenerated() throws {
        try withTemporaryDirectory { directory in
            let large = pictureBatch(6, 40, 60, kind: 1)
            try TinyEvaluation.writeFolder(large, to: "\(directory)/real")
            try TinyEvaluation.writeArray(pictureBatch(6, 16, 16, kind: 1), to: "\(directory)/generated.npz")
            // The crops as an array.
            let cropped = (0..<6).flatMap { picture in
                let range = picture * large.pictureSize..<(picture + 1) * large.pictureSize
                return admCenterCrop(
                    RGBImage(width: 60, height: 40, pixels: Array(large.pixels[range])), size: 16
                ).pixels
            }
            try TinyEvaluation.writeArray(
                PixelBatch(count: 6, height: 16, width: 16, pixels: cropped), to: "\(directory)/cropped.npz")
            let one = try TinyEvaluation.evaluate("\(directory)/real", "\(directory)/generated.npz").report
            let other = try TinyEvaluation.evaluate("\(directory)/cropped.npz", "\(directory)/generated.npz").report
            #expect(one["fid"]?.value == other["fid"]?.value && one["swd"]?.value == other["swd"]?.value)
            #expect(one.size == ImageSize(height: 16, width: 16))
            #expect(one.real.cropped == 6 && one.generated.cropped == 0 && other.real.cropped == 0)
            // Generated images are cropped only on request.
            try TinyEvaluation.writeFolder(pictureBatch(3, 16, 16, kind: 1), to: "\(directory)/mixed")
            try ImageFile.writePNG(
                RGBImage(width: 20, height: 16, fill: (1, 2, 3)), to: "\(directory)/mixed/wide.png")
            #expect(throws: PixNerdError.self) {
                try TinyEvaluation.evaluate("\(directory)/real", "\(directory)/mixed")
            }
            let asked = try TinyEvaluation.evaluate("\(directory)/real", "\(directory)/mixed") {
                $0.size = ImageSize(height: 16, width: 16)
            }.report
            #expect(asked.generated.pictures == 4 && asked.generated.cropped == 1)
        }
    }

    @Test func aLimitTakesPicturesEvenly() throws {
        try withTemporaryDirectory { directory in
            let pictures = pictureBatch(30, 16, 16, kind: 1)
            try TinyEvaluation.writeArray(pictures, to: "\(directory)/a.npz")
            let few = stride(from: 0, to: 30, by: 5).flatMap { place in
                pictures.pixels[place * pictures.pictureSize..<(place + 1) * pictures.pictureSize]
            }
            try TinyEvaluation.writeArray(
                PixelBatch(count: 6, height: 16, width: 16, pixels: few), to: "\(directory)/few.npz")
            let limited = try TinyEvaluation.evaluate("\(directory)/a.npz", "\(directory)/a.npz", limit: 6)
            let direct = try TinyEvaluation.evaluate("\(directory)/few.npz", "\(directory)/few.npz")
            #expect(limited.report.real.pictures == 6)
            #expect(try #require(limited.real).pool.mean == #require(direct.real).pool.mean)
        }
    }
}
