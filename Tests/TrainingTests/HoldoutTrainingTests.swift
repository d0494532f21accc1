import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdTensors
import PixNerdTestSupport
import Testing

@testable import PixNerdTraining

/// Runs that hold images out and measure their loss.
@Suite struct HoldoutTrainingTests {
    @Test func measuringDoesNotChangeTraining() throws {
        try TinyRuns.with { runs in
            let every = try runs.train("every") {
                holdOutEighth(&$0)
                $0.training.logEvery = 4
                $0.model.blocks = 5
                $0.model.conditionedBlocks = 4
                $0.model.dropout = 0.2
                $0.data.augment = 0.5
                $0.data.crop = .random
            }
            let never = try runs.train("never") {
                holdOutEighth(&$0)
                $0.training.holdoutEvery = 0
                $0.model.blocks = 5
                $0.model.conditionedBlocks = 4
                $0.model.dropout = 0.2
                $0.data.augment = 0.5
                $0.data.crop = .random
            }
            #expect(every.log == [] && never.log == [])
            let (files, others) = (try runs.files(every.run), try runs.files(never.run))
            for name in files.keys where name != "state.json" { #expect(files[name] == others[name], "\(name)") }
            // A step with a measurement has a line.
            #expect(try runs.metrics(every.run).map(\.step) == [2, 4, 6])
            #expect(try runs.heldOut(every.run).map(\.step) == [2, 4, 6] && runs.heldOut(never.run).isEmpty)
            for record in try runs.heldOut(every.run) {
                let bins = try #require(record.holdoutLossByTime)
                #expect(bins.count == 10 && bins.allSatisfy { $0 != nil } && record.seenLossByTime?.count == 10)
            }
            #expect(try !runs.metrics(never.run).isEmpty)
            let tags = try Data(
                contentsOf: URL(
                    fileURLWithPath: "\(every.run.path)/"
                        + #require(
                            FileManager.default.contentsOfDirectory(atPath: every.run.path).first {
                                $0.contains("tfevents")
                            })))
            for tag in ["holdout/loss", "holdout/seen_loss", "holdout_by_time/0.3", "seen_by_time/0.9"] {
                #expect(tags.range(of: Data(tag.utf8)) != nil, "\(tag)")
            }
        }
    }

    @Test(arguments: [1, 3, 4])
    func aStoppedRunResumesToTheBit(step: Int) throws {
        try TinyRuns.with { runs in
            let (whole, resumed) = try runs.wholeAndResumed(stopAfter: step) {
                holdOutEighth(&$0)
                $0.training.accumulate = 2
            }
            #expect(resumed.log == [])
            expectSame(try runs.files(whole), try runs.files(resumed.run))
            let (one, other) = (try runs.heldOut(whole), try runs.heldOut(resumed.run))
            #expect(one.count == 3 && one.map(\.holdoutLoss) == other.map(\.holdoutLoss))
            #expect(one.map(\.seenLossByTime) == other.map(\.seenLossByTime))
        }
    }

    /// Equal weights give equal losses, whatever training does besides: the noise is that of the seed.
    @Test func theNoiseIsFixed() throws {
        try TinyRuns.with { runs in
            func losses(_ name: String, _ more: (inout Configuration) -> Void = { _ in }) throws -> [Double?] {
                try runs.heldOut(
                    runs.train(name) {
                        holdOutEighth(&$0)
                        $0.training.learningRate = 0
                        more(&$0)
                    }.run
                ).flatMap { [$0.holdoutLoss, $0.seenLoss] }
            }
            let still = try losses("still")
            #expect(still.count == 6 && Set(still).count == 2)
            #expect(
                try losses("otherwise") {
                    $0.training.labelDropout = 0.9
                    $0.data.flip = true
                    $0.training.accumulate = 4
                    $0.training.batchSize = 8
                }.map { Float($0 ?? 0) }
                    == still.map { Float($0 ?? 0) })
            #expect(try losses("seed") { $0.seed = 12 } != still)
        }
    }

    /// The loss is that of the saved EMA on centre crops with their labels, at noise and times that anyone can draw.
    @Test(arguments: [Prediction.Target.velocity, .picture])
    func theLossIsThatOfTheSavedWeights(target: Prediction.Target) throws {
        try TinyRuns.with { runs in
            var configuration = runs.configuration("a")
            func predict(_ configuration: inout Configuration) {
                holdOutEighth(&configuration)
                configuration.training.target = target
                configuration.training.emaDecay = [0.5]
                configuration.data.crop = .random
                configuration.model.fieldOverlap = 1
                configuration.model.fieldPositions = .centers
            }
            predict(&configuration)
            let run = try runs.train("a", predict).run
            let record = try #require(runs.heldOut(run).last)
            let collection = try ImageCollection.open(root: runs.pictures)
            let holdout = try Holdout(configuration, collection) { _ in collection }
            let drawn = (0..<HoldoutPlan.draws).map { index -> Float in
                var stream = RandomStream(seed: 11, purpose: .times, step: 4_294_967_295, index: index)
                return TimeSampling.logNormal.draw(&stream, mean: 0, deviation: 1)
            }
            let places = holdout.measured(20)
            #expect(places.count == 4 && Set(places.map { collection.samples[$0].label }).count == 4)
            let plan = HoldoutPlan(
                heldOut: places, seen: places, names: [], weighing: "", count: 20, drawn: drawn)
            let batch = try #require(
                CropReader(collection, imageSize: 16).read((0..<20).map { places[$0 % 4] }, unreadable: { _ in }))
            let data = PixelSpace().encode(batch)
            let noise = Tensor.normal(data.shape) {
                RandomStream(seed: 11, purpose: .noise, step: 4_294_967_295, index: $0)
            }
            let model = try DenoiserCheckpoint(path: run.path).load(.ema)
            let wanted = FlowPath.velocity(data: data, noise: noise)
            let given = model.predicting(Prediction(target)).velocity(
                FlowPath.point(data: data, noise: noise, times: plan.times), times: plan.times,
                condition: ClassCondition(batch.labels))
            let losses = (0..<20).map { image in
                zip(given.values, wanted.values).dropFirst(image * 768).prefix(768).reduce(0.0) {
                    $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) / 768
                }
            }
            // A picture's error is divided by 1 - t, but by no less than 0.05, as in sampling.
            #expect(abs((record.holdoutLoss ?? 0) / plan.mean(losses) - 1) < 1e-4)
        }
    }

    @Test func theHeldOutImagesAreNeverTrainedOn() throws {
        try TinyRuns.with { runs in
            var configuration = runs.configuration("a")
            holdOutEighth(&configuration)
            let collection = try ImageCollection.open(root: runs.pictures)
            let holdout = try Holdout(configuration, collection) { _ in collection }
            #expect(holdout.places.count == 4 && holdout.trained.samples.count == 28)
            // Damaged images show which are read.
            for place in holdout.places {
                try Data("no image".utf8).write(to: URL(fileURLWithPath: collection.samples[place].path))
            }
            let outcome = try runs.train("a") {
                holdOutEighth(&$0)
                $0.training.holdoutEvery = 0
                $0.training.steps = 20
            }
            #expect(outcome.log == [] && outcome.isFinished)
            expectSentence(
                sentence { try runs.train("b") { holdOutEighth(&$0) } },
                naming: ["none of the held-out images can be read"])
        }
    }

    /// Eight pictures that a model of some size soon knows by heart.
    @Test func rememberingIsSaid() throws {
        try TinyRuns.with { runs in
            let outcome = try runs.train("a") {
                holdOutEighth(&$0)
                $0.data.holdout = 0.5
                $0.training.holdoutEvery = 25
                $0.training.holdoutImages = 64
                $0.training.steps = 700
                $0.training.batchSize = 16
                $0.training.learningRate = 5e-3
                $0.training.emaDecay = [0.9]
                $0.training.labelDropout = 0
                $0.training.logEvery = 100
                $0.training.saveEvery = 700
                $0.model.hiddenSize = 64
                $0.model.blocks = 5
                $0.model.conditionedBlocks = 4
            }
            let said = outcome.log.filter { $0.hasPrefix("warning: ") }
            let records = try runs.heldOut(outcome.run)
            #expect(said.count == 1 && said[0].contains("begins to remember its images"), "\(outcome.log)")
            let lowest = try #require(records.min { ($0.holdoutLoss ?? 9) < ($1.holdoutLoss ?? 9) })
            let last = try #require(records.last)
            #expect(try #require(last.seenLoss) < 0.8 * #require(last.holdoutLoss))
            #expect(said.last?.contains("at step \(lowest.step), while") == true, "\(outcome.log)")
        }
    }
}
