import Foundation
import PixNerdCheckpoints
import PixNerdEvaluation
import PixNerdImages
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Synchronization
import Testing

/// Whole evaluations, with a network that is a mere projection.
@Suite struct WholeEvaluationTests {
    /// Means of parts of a picture as features.
    private struct Projection: FeatureExtractor {
        var title: String { "projection" }
        var fingerprint: String { "0" }
        var width: Int { 12 }

        func callAsFunction(_ batch: PixelBatch) -> ExtractedFeatures {
            func features(_ shift: Int, _ width: Int) -> Tensor {
                var values: [Float] = []
                for picture in 0..<batch.count {
                    for feature in 0..<width {
                        let places = stride(from: feature + shift, to: batch.pictureSize, by: width)
                        let sum = places.reduce(0) { $0 + Int(batch.pixels[picture * batch.pictureSize + $1]) }
                        values.append(Float(sum) / Float(batch.pictureSize / width))
                    }
                }
                return Tensor(values, shape: [batch.count, width])
            }
            return ExtractedFeatures(pool: features(0, 12), spatial: features(1, 8), logits: features(2, 6))
        }
    }

    private static func writeArray(_ pictures: PixelBatch, to path: String) throws {
        let shape = [pictures.count, pictures.height, pictures.width, 3]
        let writer = try NpzWriter(path: path, arrays: [.init("arr_0", .uint8, shape)])
        try writer.append(pictures.pixels)
        try writer.finish()
    }

    private static func writeFolder(_ pictures: PixelBatch, to path: String) throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        for picture in 0..<pictures.count {
            let range = picture * pictures.pictureSize..<(picture + 1) * pictures.pictureSize
            let image = RGBImage(
                width: pictures.width, height: pictures.height, pixels: Array(pictures.pixels[range]))
            try ImageFile.writePNG(image, to: "\(path)/\(String(format: "%03d", picture)).png")
        }
    }

    private static func evaluate(
        _ real: String, _ generated: String, limit: Int? = nil, extractor: (any FeatureExtractor)? = Projection(),
        keepingIn directory: String? = nil, _ change: (inout Evaluation.Settings) -> Void = { _ in }
    ) throws -> (report: EvaluationReport, real: StoredStatistics?, generated: StoredStatistics?) {
        var settings = Evaluation.Settings()
        settings.resamples = 4
        settings.batch = 7
        change(&settings)
        return try Evaluation(
            real: EvaluationSource(path: real, limit: limit),
            generated: EvaluationSource(path: generated, limit: limit),
            extractor: extractor, weights: "none", keepingRealFeaturesIn: directory, settings: settings
        ).run(program: "test")
    }

    /// A projection that counts the pictures that it sees.
    private struct Counting: FeatureExtractor {
        let seen = Counter()
        private let network = Projection()
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

    /// Of several evaluations against the same pictures only the first sends them through the network.
    @Test func featuresOfRealPicturesAreKept() throws {
        try withTemporaryDirectory { directory in
            for (name, kind) in [("a", 1), ("b", 2), ("c", 0)] {
                try Self.writeArray(pictureBatch(20, 32, 32, kind: kind), to: "\(directory)/\(name).npz")
            }
            func evaluate(_ real: String, _ generated: String, _ keeping: String?) throws -> (json: String, seen: Int) {
                let network = Counting()
                let found = try Self.evaluate(
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
            // What cannot be read is computed again.
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
            try Self.writeFolder(a, to: "\(directory)/a")
            try Self.writeArray(a, to: "\(directory)/a.npz")
            try Self.writeArray(b, to: "\(directory)/b.npz")
            let one = try Self.evaluate("\(directory)/a", "\(directory)/b.npz").report
            let other = try Self.evaluate("\(directory)/a.npz", "\(directory)/b.npz").report
            #expect(
                one.measures.map(\.name) == [
                    "fid", "sfid", "kid", "precision", "recall", "inception_score", "swd_32x32", "swd_16x16", "swd",
                    "spectrum", "seam_4", "seam_8", "seam_16",
                ])
            for (x, y) in zip(one.measures, other.measures) {
                #expect(x.value == y.value && x.interval == y.interval && x.floor == y.floor, "\(x.name)")
            }
            #expect(one.real.pictures == 24 && one.generated.pictures == 30 && !one.real.isStored)
            // Batches must not matter, but for the last bits of sums.
            let large = try Self.evaluate("\(directory)/a", "\(directory)/b.npz") { $0.batch = 100 }.report
            for (x, y) in zip(one.measures, large.measures) {
                expectNear(x.value, y.value, relative: 1e-9, because: "other batches")
            }
            let seed = try Self.evaluate("\(directory)/a", "\(directory)/b.npz") { $0.seed = 1 }.report
            #expect(seed["fid"]?.value == one["fid"]?.value && seed["fid"]?.floor != one["fid"]?.floor)
        }
    }

    @Test func theReportIsOfTheMeasures() throws {
        try withTemporaryDirectory { directory in
            let (a, b) = (pictureBatch(24, 32, 32, kind: 1), pictureBatch(30, 32, 32, kind: 2))
            try Self.writeArray(a, to: "\(directory)/a.npz")
            try Self.writeArray(b, to: "\(directory)/b.npz")
            let found = try Self.evaluate("\(directory)/a.npz", "\(directory)/b.npz")
            let (x, y) = (Projection()(a), Projection()(b))
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
            try Self.writeArray(pictureBatch(40, 32, 32, kind: 1), to: "\(directory)/a.npz")
            let report = try Self.evaluate("\(directory)/a.npz", "\(directory)/a.npz") { $0.arePairs = true }.report
            for name in ["fid", "sfid", "spectrum"] {
                #expect(abs(try #require(report[name]).value) < 1e-6, "\(name)")
            }
            // The estimate is free of bias for other pictures; here each meets itself on the other side only.
            #expect(try #require(report["kid"]).value < 0)
            #expect(report["precision"]?.value == 1 && report["recall"]?.value == 1)
            #expect(report["psnr"]?.value == .infinity)
            #expect(abs(try #require(report["ssim"]).value - 1) < 1e-12)
            #expect(try report.json().contains("\"inf\""))
        }
    }

    @Test func storedStatisticsTakeThePlaceOfPictures() throws {
        try withTemporaryDirectory { directory in
            try Self.writeArray(pictureBatch(24, 32, 32, kind: 1), to: "\(directory)/a.npz")
            try Self.writeArray(pictureBatch(30, 32, 32, kind: 2), to: "\(directory)/b.npz")
            let direct = try Self.evaluate("\(directory)/a.npz", "\(directory)/b.npz")
            try #require(direct.real).write(to: "\(directory)/real.npz")
            try #require(direct.generated).write(to: "\(directory)/generated.npz")
            let file = try NpzFile(path: "\(directory)/real.npz")
            #expect(file.names == ["count", "mu", "mu_s", "sigma", "sigma_s"])
            #expect(file.elementType(of: "sigma") == .float64 && file.shape(of: "sigma") == [12, 12])
            let stored = try Self.evaluate("\(directory)/real.npz", "\(directory)/b.npz").report
            #expect(stored["fid"]?.value == direct.report["fid"]?.value)
            #expect(stored["sfid"]?.value == direct.report["sfid"]?.value)
            #expect(stored["kid"] == nil && stored["swd"] == nil && stored["fid"]?.floor == nil)
            #expect(stored.real.isStored && stored.real.pictures == 24)
            // Both stored: no network is needed.
            let both = try Self.evaluate("\(directory)/real.npz", "\(directory)/generated.npz", extractor: nil).report
            #expect(both.measures.map(\.name) == ["fid", "sfid"] && both["fid"]?.value == direct.report["fid"]?.value)
            #expect(both.size == nil && both.features == nil)
        }
    }

    @Test func realPicturesAreCroppedToTheGenerated() throws {
        try withTemporaryDirectory { directory in
            let large = pictureBatch(6, 40, 60, kind: 1)
            try Self.writeFolder(large, to: "\(directory)/real")
            try Self.writeArray(pictureBatch(6, 16, 16, kind: 1), to: "\(directory)/generated.npz")
            // What the crop gives, as an array.
            let cropped = (0..<6).flatMap { picture in
                let range = picture * large.pictureSize..<(picture + 1) * large.pictureSize
                return admCenterCrop(
                    RGBImage(width: 60, height: 40, pixels: Array(large.pixels[range])), size: 16
                ).pixels
            }
            try Self.writeArray(
                PixelBatch(count: 6, height: 16, width: 16, pixels: cropped), to: "\(directory)/cropped.npz")
            let one = try Self.evaluate("\(directory)/real", "\(directory)/generated.npz").report
            let other = try Self.evaluate("\(directory)/cropped.npz", "\(directory)/generated.npz").report
            #expect(one["fid"]?.value == other["fid"]?.value && one["swd"]?.value == other["swd"]?.value)
            #expect(one.size == PictureExtent(height: 16, width: 16))
            #expect(one.real.cropped == 6 && one.generated.cropped == 0 && other.real.cropped == 0)
            // Generated pictures are cropped only where that is asked for.
            try Self.writeFolder(pictureBatch(3, 16, 16, kind: 1), to: "\(directory)/mixed")
            try ImageFile.writePNG(
                RGBImage(width: 20, height: 16, fill: (1, 2, 3)), to: "\(directory)/mixed/wide.png")
            #expect(throws: PixNerdError.self) { try Self.evaluate("\(directory)/real", "\(directory)/mixed") }
            let asked = try Self.evaluate("\(directory)/real", "\(directory)/mixed") {
                $0.size = PictureExtent(height: 16, width: 16)
            }.report
            #expect(asked.generated.pictures == 4 && asked.generated.cropped == 1)
        }
    }

    @Test func aLimitTakesPicturesEvenly() throws {
        try withTemporaryDirectory { directory in
            let pictures = pictureBatch(30, 16, 16, kind: 1)
            try Self.writeArray(pictures, to: "\(directory)/a.npz")
            let few = stride(from: 0, to: 30, by: 5).flatMap { place in
                pictures.pixels[place * pictures.pictureSize..<(place + 1) * pictures.pictureSize]
            }
            try Self.writeArray(PixelBatch(count: 6, height: 16, width: 16, pixels: few), to: "\(directory)/few.npz")
            let limited = try Self.evaluate("\(directory)/a.npz", "\(directory)/a.npz", limit: 6)
            let direct = try Self.evaluate("\(directory)/few.npz", "\(directory)/few.npz")
            #expect(limited.report.real.pictures == 6)
            #expect(try #require(limited.real).pool.mean == #require(direct.real).pool.mean)
        }
    }

    @Test func whatDoesNotFitIsRefusedInASentence() throws {
        try withTemporaryDirectory { directory in
            try Self.writeArray(pictureBatch(6, 16, 16, kind: 1), to: "\(directory)/a.npz")
            try Self.writeArray(pictureBatch(4, 16, 24, kind: 1), to: "\(directory)/wide.npz")
            try Self.writeArray(pictureBatch(1, 16, 16, kind: 1), to: "\(directory)/one.npz")
            let narrow = GaussianStatistics(of: Tensor([1, 2, 3, 5], shape: [2, 2]))
            try StoredStatistics(pool: narrow, spatial: nil, count: nil).write(to: "\(directory)/narrow.npz")
            func path(_ name: String) -> String { "\(directory)/\(name)" }
            func refusal(_ body: () throws -> Void) -> String {
                do {
                    try body()
                    return ""
                } catch { return "\(error)" }
            }
            let refusals: [(String, [String])] = [
                (
                    refusal { _ = try Self.evaluate(path("a.npz"), path("wide.npz")) },
                    ["16 x 16", "16 x 24", "size 16"]
                ),
                (refusal { _ = try Self.evaluate(path("a.npz"), path("one.npz")) }, ["one.npz", "at least 2"]),
                (refusal { _ = try Self.evaluate(path("a.npz"), path("a.npz")) { $0.patch = 9 } }, ["9", "16 x 16"]),
                (refusal { _ = try Self.evaluate(path("narrow.npz"), path("a.npz")) }, ["narrow.npz", "2 features"]),
                (
                    refusal { _ = try Self.evaluate(path("narrow.npz"), path("a.npz"), extractor: nil) },
                    ["narrow.npz", "set weights"]
                ),
                (refusal { _ = try Self.evaluate(path("none.npz"), path("a.npz")) }, ["none.npz"]),
                (refusal { _ = try Self.evaluate(directory, path("a.npz")) }, ["no PNG or JPEG picture"]),
                (
                    refusal { _ = try Self.evaluate(path("a.npz"), path("one.npz")) { $0.arePairs = true } },
                    ["one.npz"]
                ),
                (
                    refusal {
                        _ = try Self.evaluate(Fixtures.path("npz/stored.npz"), path("a.npz"))
                    }, ["stored.npz", "arr_0"]
                ),
            ]
            for (text, needed) in refusals { expectSentence(text, naming: needed) }
        }
    }

    @Test func unreadablePicturesAreLeftOutAndCounted() throws {
        try withTemporaryDirectory { directory in
            try Self.writeFolder(pictureBatch(6, 16, 16, kind: 1), to: "\(directory)/a")
            try Data("no picture".utf8).write(to: URL(fileURLWithPath: "\(directory)/a/001.png"))
            let report = try Self.evaluate("\(directory)/a", "\(directory)/a").report
            #expect(report.real.pictures == 5 && report.real.unreadable == 1)
            // Pairs would no longer be pairs.
            #expect(throws: PixNerdError.self) {
                try Self.evaluate("\(directory)/a", "\(directory)/a") { $0.arePairs = true }
            }
        }
    }
}
