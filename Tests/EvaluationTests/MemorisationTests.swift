import Foundation
import PixNerdCheckpoints
import PixNerdImages
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Testing

@testable import PixNerdEvaluation

/// The search for copies of training images, against scipy's cdist (`make_memorised_fixtures.py`).
@Suite struct MemorisationTests {
    private static let reference = Result {
        try SafetensorsFile(path: Fixtures.path("evaluation/memorised.safetensors"))
    }
    private static let (trained, samples) = (60, 27)

    private func numbers(_ name: String) throws -> [Double] {
        try Self.reference.get().elements(of: name).doubles()
    }

    private func trainedPictures() -> PixelBatch { pictureBatch(Self.trained, 12, 20, kind: 1) }

    /// Training images with more and more noise in them, every second one mirrored.
    private func samplePictures() throws -> PixelBatch {
        let (trained, noise) = (trainedPictures(), pictureBatch(Self.samples, 12, 20, kind: 0))
        let size = trained.pictureSize
        let mixed = (0..<Self.samples).map { sample -> PixelBatch in
            let part = sample % 9
            let pixels = (0..<size).map { at -> UInt8 in
                let clean = Int(trained.pixels[sample * (Self.trained / Self.samples) * size + at])
                return UInt8(((8 - part) * clean + part * Int(noise.pixels[sample * size + at])) / 8)
            }
            let one = PixelBatch(count: 1, height: 12, width: 20, pixels: pixels)
            return sample % 2 == 1 ? one.mirrored : one
        }
        return PixelBatch(count: Self.samples, height: 12, width: 20, pixels: mixed.flatMap(\.pixels))
    }

    private func expectSame(
        _ found: NearestTwo, _ name: String, relative: Double, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let measure = MemorisationMeasure(name: "", title: "", found: found, samples: found.nearest.count)
        let pairs = (0..<found.nearest.count).map(measure.pair)
        #expect(
            pairs.map { Double($0.nearest.index) } == (try numbers("\(name).nearest")), sourceLocation: sourceLocation)
        #expect(
            pairs.map { Double($0.second.index) } == (try numbers("\(name).second")), sourceLocation: sourceLocation)
        #expect(
            pairs.map { $0.nearest.isMirrored ? 1 : 0 } == (try numbers("\(name).mirrored")),
            sourceLocation: sourceLocation)
        #expect(
            pairs.indices.map { measure.isMemorised($0) ? 1 : 0 } == (try numbers("\(name).memorised")),
            sourceLocation: sourceLocation)
        for (column, own) in [("distance", pairs.map(\.nearest)), ("second_distance", pairs.map(\.second))] {
            for (neighbor, expected) in zip(own, try numbers("\(name).\(column)")) {
                #expect(
                    abs(neighbor.distance - expected) <= relative * expected, "\(name).\(column)",
                    sourceLocation: sourceLocation)
            }
        }
    }

    @Test(arguments: [60, 7])
    func nearestPixelsAreThoseOfScipy(block: Int) throws {
        var search = NearestPixels(try samplePictures())
        let trained = trainedPictures()
        for first in stride(from: 0, to: Self.trained, by: block) {
            search.add(try #require(trained.part(Array(first..<min(first + block, Self.trained)))))
        }
        // Squared distances are whole numbers and exact; scipy's roots are rounded.
        try expectSame(search.found, "pixels", relative: 1e-15)
        #expect(search.found.nearest.allSatisfy { $0.map { $0.squared == $0.squared.rounded() } == true })
        #expect(try numbers("pixels.memorised").contains(1) && numbers("pixels.memorised").contains(0))
        #expect(try numbers("pixels.mirrored").contains(1))
    }

    @Test(arguments: [60, 7])
    func nearestFeaturesAreThoseOfScipy(block: Int) throws {
        let file = try Self.reference.get()
        var search = NearestFeatures(
            try file.tensor("features.own"), mirrored: try file.tensor("features.own_mirrored"))
        let features = try file.tensor("features")
        for first in stride(from: 0, to: Self.trained, by: block) {
            search.add(features.selecting(Array(first..<min(first + block, Self.trained))))
        }
        // The first sample equals a training image, which rounding in float64 moves to 1e-6.
        let found = search.found
        #expect((found.nearest[0]?.distance ?? 1) < 1e-5)
        try expectSame(found, "features", relative: 1e-9)
    }

    /// Sums of a thousand products of the largest values are on the border of what float32 holds exactly.
    @Test func distancesAreExactAtTheLargestValues() throws {
        func flat(_ values: [UInt8]) -> PixelBatch {
            PixelBatch(
                count: values.count, height: 25, width: 41,
                pixels: values.flatMap { [UInt8](repeating: $0, count: 3 * 25 * 41) })
        }
        var odd = flat([0]).pixels
        odd[7] = 1
        var search = NearestPixels(flat([0, 255]))
        search.add(flat([255, 254]))
        search.add(PixelBatch(count: 1, height: 25, width: 41, pixels: odd))
        let (near, far) = (search.found.nearest, search.found.second)
        #expect(near[0] == Neighbor(index: 2, squared: 1, isMirrored: false))
        #expect(far[0] == Neighbor(index: 1, squared: 3075 * 254 * 254, isMirrored: false))
        #expect(near[1] == Neighbor(index: 0, squared: 0, isMirrored: false))
        #expect(far[1] == Neighbor(index: 1, squared: 3075, isMirrored: false))
    }

    // The whole search

    private func run(
        _ directory: String, heldOut: Bool = false, extractor: (any FeatureExtractor)? = nil,
        _ change: (inout Memorisation.Settings) -> Void = { _ in }
    ) throws -> (report: MemorisationReport, sheet: RGBImage) {
        var settings = Memorisation.Settings()
        settings.batch = 7
        change(&settings)
        return try Memorisation(
            training: EvaluationSource(path: "\(directory)/trained"),
            samples: EvaluationSource(path: "\(directory)/samples.npz"),
            heldOut: heldOut ? EvaluationSource(path: "\(directory)/held-out") : nil, extractor: extractor,
            weights: extractor.map { _ in "none" }, settings: settings
        ).run(program: "test")
    }

    private func with<R>(_ body: (_ directory: String) throws -> R) throws -> R {
        try withTemporaryDirectory { directory in
            try TinyEvaluation.writeFolder(trainedPictures(), to: "\(directory)/trained")
            try TinyEvaluation.writeArray(samplePictures(), to: "\(directory)/samples.npz")
            try TinyEvaluation.writeFolder(pictureBatch(6, 12, 20, kind: 0), to: "\(directory)/held-out")
            return try body(directory)
        }
    }

    @Test func theShareHasAnIntervalAndABaseline() throws {
        try with { directory in
            let (report, sheet) = try run(directory, heldOut: true) { $0.resamples = 200 }
            let measure = try #require(report["memorised_pixels"])
            let flags = try numbers("pixels.memorised")
            let share = flags.reduce(0, +) / 27
            #expect(measure.value == share && measure.count == Int(flags.reduce(0, +)))
            // The interval of a share is known; 200 resamples estimate it within 10 %.
            let interval = try #require(measure.interval)
            let deviation = (share * (1 - share) / 27).squareRoot()
            expectNear(
                interval[1] - interval[0], 2 * 1.96 * deviation, relative: 0.2, because: "twice the error of 200 draws")
            #expect(measure.heldOut == 0 && (measure.heldOutMedianRatio ?? 0) > 0.9)
            #expect(report.heldOut?.pictures == 6 && report.training.pictures == 60 && report.copies == 0)
            let first = try #require(measure.suspicious.first)
            #expect(first.ratio == 0 && first.isMemorised && first.sample == "row 0" && first.nearest == "000.png")
            #expect(measure.suspicious.count == 16)
            #expect(measure.suspicious.map(\.ratio) == measure.suspicious.map(\.ratio).sorted())
            let decoded = try JSONDecoder().decode(MemorisationReport.self, from: Data(report.json().utf8))
            #expect(decoded["memorised_pixels"]?.suspicious == measure.suspicious)
            // Sixteen rows of three images in two columns.
            #expect(sheet.width > sheet.height)
            #expect(try run(directory) { $0.resamples = 0 }.report.measures[0].interval == nil)
        }
    }

    @Test func copiesAmongTheTrainingImagesAreLeftOut() throws {
        try with { directory in
            let expected = try run(directory).report
            let trained = trainedPictures()
            let size = trained.pictureSize
            for (name, batch) in [("0-again", trained), ("zz-mirrored", trained.mirrored)] {
                let copy = RGBImage(width: 20, height: 12, pixels: Array(batch.pixels[4 * size..<5 * size]))
                try ImageFile.writePNG(copy, to: "\(directory)/trained/\(name).png")
            }
            let found = try run(directory).report
            #expect(found.copies == 2 && found.training.pictures == 62)
            #expect(found.measures[0].value == expected.measures[0].value)
        }
    }

    @Test func featuresAreComparedToo() throws {
        try with { directory in
            let (report, sheet) = try run(directory, heldOut: true, extractor: TinyEvaluation.Projection())
            #expect(report.measures.map(\.name) == ["memorised_pixels", "memorised_features"])
            let found = try #require(report["memorised_features"])
            #expect(found.value > 0.1 && found.value < 1 && found.suspicious[0].ratio < 1e-3)
            #expect(report.features?.network == "projection" && sheet.width > 0)
            struct Broken: FeatureExtractor {
                var title: String { "broken" }
                var fingerprint: String { "0" }
                var width: Int { 2 }
                func callAsFunction(_ batch: PixelBatch) -> ExtractedFeatures {
                    let pool = Tensor([Float](repeating: .nan, count: 2 * batch.count), shape: [batch.count, 2])
                    return ExtractedFeatures(pool: pool, spatial: nil, logits: nil)
                }
            }
            expectSentence(
                sentence { _ = try run(directory, extractor: Broken()) }, naming: ["broken", "not finite"])
        }
    }

    @Test func whatCannotBeComparedIsRefused() throws {
        try with { directory in
            try FileManager.default.removeItem(atPath: "\(directory)/held-out")
            let one = try #require(trainedPictures().part([0]))
            try TinyEvaluation.writeFolder(
                PixelBatch(count: 2, height: 12, width: 20, pixels: one.pixels + one.mirrored.pixels),
                to: "\(directory)/held-out")
            func memorised(_ training: String, _ samples: String) throws {
                _ = try Memorisation(
                    training: EvaluationSource(path: "\(directory)/\(training)"),
                    samples: EvaluationSource(path: "\(directory)/\(samples)")
                ).run(program: "test")
            }
            expectSentence(
                sentence { try memorised("held-out", "samples.npz") },
                naming: ["held-out", "1 readable image", "not a copy", "at least 2"])
            try TinyEvaluation.writeFolder(pictureBatch(3, 16, 16, kind: 0), to: "\(directory)/square")
            // Squares are cropped to the shape of the samples.
            try memorised("square", "samples.npz")
            for place in 0..<2 {
                try Data("no image".utf8).write(
                    to: URL(fileURLWithPath: "\(directory)/held-out/\(String(format: "%03d", place)).png"))
            }
            expectSentence(sentence { try memorised("trained", "held-out") }, naming: ["held-out", "can be read"])
        }
    }
}
