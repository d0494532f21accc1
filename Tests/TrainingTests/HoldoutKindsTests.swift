import Foundation
import PixNerdCheckpoints
import PixNerdImages
import PixNerdModels
import PixNerdTestSupport
import PixNerdTraining
import Testing

/// The held-out loss of every kind of run: in latents, on captions, aligned, in bf16, of few steps, and of autoencoders.
@Suite struct HoldoutKindsTests {
    private func change(_ configuration: inout Configuration) {
        configuration.data.holdout = 0.25
        configuration.training.holdoutEvery = 3
        configuration.training.holdoutImages = 16
    }

    private func losses(_ runs: TinyRuns, _ run: RunDirectory) throws -> [(Double, Double)] {
        try runs.metrics(run).compactMap { record in
            record.holdoutLoss.flatMap { loss in record.seenLoss.map { (loss, $0) } }
        }
    }

    /// Runs a kind of run, whole and with an interruption.
    private func expectMeasured(
        _ runs: TinyRuns, _ kind: (inout Configuration) -> Void, sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> [(Double, Double)] {
        let (whole, resumed) = try runs.wholeAndResumed(
            stopAfter: 4,
            {
                kind(&$0)
                change(&$0)
            }, sourceLocation: sourceLocation)
        #expect(resumed.log == [], sourceLocation: sourceLocation)
        let (one, other) = (try losses(runs, whole), try losses(runs, resumed.run))
        #expect(one.count == 2 && one.allSatisfy { $0.0 > 0 && $0.1 > 0 }, sourceLocation: sourceLocation)
        #expect(one.map(\.0) == other.map(\.0) && one.map(\.1) == other.map(\.1), sourceLocation: sourceLocation)
        #expect(try runs.files(whole) == runs.files(resumed.run), sourceLocation: sourceLocation)
        return one
    }

    @Test func latents() throws {
        try TinyRuns.with { runs in
            try runs.trainAutoencoder()
            let encoded = try expectMeasured(runs) { runs.inLatents(&$0) }
            try runs.encodeLatents()
            func cached(_ configuration: inout Configuration) {
                runs.inLatents(&configuration)
                configuration.latent.cache = "\(runs.directory)/latents"
                change(&configuration)
            }
            // The cache holds the very same distributions.
            let run = try runs.train("cached", cached).run
            for (one, other) in zip(encoded, try losses(runs, run)) {
                #expect(abs(one.0 - other.0) < 1e-5 * one.0 && abs(one.1 - other.1) < 1e-5 * one.1)
            }
            // Images of another folder are not in the cache.
            try ShapesDataset.write(to: "\(runs.directory)/other", imagesPerClass: 1, size: 16, seed: 6)
            let others = try runs.train("others") {
                cached(&$0)
                ($0.data.holdout, $0.data.holdoutRoot) = (0, "\(runs.directory)/other")
            }
            #expect(try others.log == [] && losses(runs, others.run).count == 2)
        }
    }

    @Test func captions() throws {
        try TinyRuns.withCaptions { runs in
            let encoded = try expectMeasured(runs, runs.onCaptions)
            let cache = try runs.encodeCaptions()
            func cached(_ configuration: inout Configuration) {
                runs.onCaptions(&configuration)
                (configuration.text.encoder, configuration.text.cache) = ("", cache)
                change(&configuration)
            }
            let found = try losses(runs, runs.train("cached", cached).run)
            #expect(found.count == 2)
            // Rows of a cache are in bf16.
            for (one, other) in zip(encoded, found) { #expect(abs(one.0 - other.0) < 5e-3 * one.0) }
            // Captions of other images must be in the cache, too.
            let other = "\(runs.directory)/other"
            try FileManager.default.copyItem(atPath: runs.captioned, toPath: other)
            let first = try #require(
                FileManager.default.contentsOfDirectory(atPath: other).filter { $0.hasSuffix(".txt") }.sorted().first)
            try Data("a caption that no image has\n".utf8).write(to: URL(fileURLWithPath: "\(other)/\(first)"))
            expectSentence(
                sentence {
                    try runs.train("others") {
                        cached(&$0)
                        ($0.data.holdout, $0.data.holdoutRoot) = (0, other)
                    }
                }, naming: [cache, "a caption that no image has"])
            let others = try runs.train("encoder") {
                runs.onCaptions(&$0)
                change(&$0)
                ($0.data.holdout, $0.data.holdoutRoot) = (0, other)
            }
            #expect(try losses(runs, others.run).count == 2)
        }
    }

    /// Alignment, frequencies and dispersion are no part of the loss.
    @Test func partsOfTheLoss() throws {
        try TinyRuns.with { runs in
            func still(_ configuration: inout Configuration) {
                change(&configuration)
                configuration.training.learningRate = 0
            }
            let plain = try losses(runs, runs.train("plain", still).run)
            let parts = try losses(
                runs,
                runs.train("parts") {
                    still(&$0)
                    $0.repa.encoder = Fixtures.path("dinov2/transformers")
                    $0.repa.layer = 1
                    $0.dispersive.weight = 0.5
                    $0.dispersive.layer = 1
                    $0.training.frequencyWeight = 1
                }.run)
            #expect(parts.count == 2 && parts.map(\.0) == plain.map(\.0) && parts.map(\.1) == plain.map(\.1))
        }
    }

    @Test(.whereBFloat16IsHad)
    func bf16() throws {
        try TinyRuns.with { runs in
            let rounded = try expectMeasured(runs) {
                $0.precision = .bf16
                $0.model.hiddenSize = 64
            }
            let whole = try losses(
                runs,
                runs.train("fp32") {
                    change(&$0)
                    $0.model.hiddenSize = 64
                }.run)
            for (one, other) in zip(rounded, whole) { #expect(abs(one.0 - other.0) < 0.02 * other.0) }
        }
    }

    @Test(arguments: [Configuration.FewStepsSection.Method.guidance, .split, .meanFlow, .improved])
    func fewSteps(method: Configuration.FewStepsSection.Method) throws {
        try TinyRuns.with { runs in
            try runs.train("teacher")
            _ = try expectMeasured(runs) {
                $0.fewSteps.method = method
                if method.needsTeacher { $0.fewSteps.teacher = "\(runs.directory)/teacher" }
            }
        }
    }

    @Test func autoencoders() throws {
        try TinyRuns.with { runs in
            _ = try expectMeasured(runs) {
                runs.makeAutoencoder(&$0)
                $0.training.accumulate = 2
            }
            let record = try #require(
                runs.metrics(RunDirectory(existing: "\(runs.directory)/whole")).first { $0.holdoutLoss != nil })
            #expect(record.holdoutLossByTime == nil && record.seenLossByTime == nil)
        }
    }

    /// Noise is told apart from images by the path of the target, of whichever kind.
    @Test(arguments: ["picture", "asymmetric"])
    func targets(target: String) throws {
        try TinyRuns.with { runs in
            _ = try expectMeasured(runs) {
                $0.training.target = target == "picture" ? .picture : .asymmetric
                $0.training.noiseScale = 2
                $0.training.fieldSizes = target == "picture" ? [24] : []
                $0.model.isToldDensity = target == "picture"
                $0.data.augment = 0.2
            }
        }
    }
}
