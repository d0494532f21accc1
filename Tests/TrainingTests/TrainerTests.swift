import Foundation
import PixNerdCheckpoints
import PixNerdImages
import PixNerdTestSupport
import PixNerdTraining
import Testing

/// Runs are reproducible to the bit, also with interruptions.
@Suite struct TrainerTests {
    @Test func theSeedDecidesEverything() throws {
        try TinyRuns.with { runs in
            let first = try runs.files(runs.train("first").run)
            expectSame(first, try runs.files(runs.train("second").run))
            let other = try runs.files(runs.train("other") { $0.seed = 12 }.run)
            for name in ["denoiser.safetensors", "ema.safetensors", "optimizer.safetensors"] {
                #expect(first[name] != other[name])
            }
        }
    }

    @Test func loadingAndLookingDoNotChangeARun() throws {
        try TinyRuns.with { runs in
            let plain = try runs.files(runs.train("plain").run)
            let others = try runs.train("others") {
                $0.data.workers = 3
                $0.data.prefetchBatches = 1
                $0.training.previewEvery = 1
                $0.training.logEvery = 4
                $0.training.saveEvery = 1
            }
            expectSame(plain, try runs.files(others.run))
        }
    }

    /// Stops at steps with and without a regular checkpoint; a stopped run always saves one.
    @Test(arguments: [1, 3, 4])
    func aStoppedRunResumesToTheBit(step: Int) throws {
        try TinyRuns.with { runs in
            let whole = try runs.train("whole").run
            let stopped = try runs.train("stopped", stopAfter: step)
            #expect(!stopped.isFinished && stopped.step == step)
            #expect(stopped.run.savedSteps.last == step)
            let resumed = try runs.train("stopped", resume: true)
            #expect(resumed.isFinished && resumed.step == 6)
            #expect(resumed.log == [])
            expectSame(try runs.files(whole), try runs.files(resumed.run))
            try expectSameMetrics(runs, whole, resumed.run)
        }
    }

    /// A checkpoint has everything that later steps depend on: schedule, EMAs, crops and flips.
    @Test func aRunWithEverythingResumesToTheBit() throws {
        try TinyRuns.with { runs in
            func change(_ configuration: inout Configuration) {
                configuration.data.crop = .resized
                configuration.data.flip = true
                configuration.training.accumulate = 2
                configuration.training.warmupSteps = 2
                configuration.training.schedule = .cosine
                configuration.training.emaDecay = [0.9, 0.99]
                configuration.training.gradientClip = 0.5
                configuration.training.skipOutliers = 3
                configuration.training.recompute = true
            }
            let whole = try runs.train("whole", change).run
            let stopped = try runs.train("stopped", stopAfter: 2, change)
            #expect(!stopped.isFinished)
            let resumed = try runs.train("stopped", resume: true, change)
            #expect(resumed.log == [])
            expectSame(try runs.files(whole), try runs.files(resumed.run), besides: ["ema-0.99.safetensors"])
            try expectSameMetrics(runs, whole, resumed.run)
            // The rate rises for two steps, stays for one, and falls.
            let rates = try runs.metrics(whole).map(\.learningRate)
            #expect(rates[0] < rates[1] && rates[1] == rates[2] && rates[2] > rates[3] && rates[3] > rates[5])
        }
    }

    /// After `kill -9` the log is ahead of the latest checkpoint.
    @Test func aKilledRunResumesToTheBit() throws {
        try TinyRuns.with { runs in
            let whole = try runs.train("whole").run
            let killed = try runs.train("killed").run
            try FileManager.default.removeItem(atPath: killed.stepPath(6))
            let log = try String(contentsOfFile: killed.metricsPath, encoding: .utf8)
            try (log + "{\"step\":7,\"lo").write(toFile: killed.metricsPath, atomically: true, encoding: .utf8)
            try runs.train("killed", resume: true)
            expectSame(try runs.files(whole), try runs.files(killed))
            try expectSameMetrics(runs, whole, killed)
        }
    }

    private func expectSameMetrics(_ runs: TinyRuns, _ left: RunDirectory, _ right: RunDirectory) throws {
        let (left, right) = (try runs.metrics(left), try runs.metrics(right))
        #expect(left.map(\.step) == [1, 2, 3, 4, 5, 6])
        #expect(right.map(\.step) == left.map(\.step))
        #expect(right.map(\.loss) == left.map(\.loss))
        #expect(right.map(\.gradientNorm) == left.map(\.gradientNorm))
        #expect(right.map(\.learningRate) == left.map(\.learningRate))
    }

    @Test func aFinishedRunGoesOnWhenMoreStepsAreAskedFor() throws {
        try TinyRuns.with { runs in
            try runs.train("short") { $0.training.steps = 3 }
            #expect(try runs.train("short", resume: true) { $0.training.steps = 3 }.isFinished)
            let longer = try runs.train("short", resume: true)
            #expect(
                longer.log == ["notice: training.steps changed from 3 to 6; this does not affect training"])
            expectSame(try runs.files(runs.train("whole").run), try runs.files(longer.run))
        }
    }

    @Test func theLogHasTheMeanOfItsSteps() throws {
        try TinyRuns.with { runs in
            let each = try runs.metrics(runs.train("each").run)
            let pairs = try runs.metrics(runs.train("fours") { $0.training.logEvery = 4 }.run)
            #expect(pairs.map(\.step) == [4, 6])
            #expect(pairs[0].loss == each[..<4].map(\.loss).reduce(0, +) / 4)
            #expect(pairs[1].gradientNorm == each[4...].map(\.gradientNorm).reduce(0, +) / 2)
            for record in each {
                #expect(record.learningRate == Double(Float(1e-3)))
                #expect(record.imagesPerSecond > 0 && record.peakMemory > 0 && record.seconds > 0)
                #expect((0...1).contains(record.dataWait))
            }
        }
    }

    @Test func theLossFalls() throws {
        try TinyRuns.with { runs in
            let run = try runs.train("long") {
                $0.training.steps = 60
                $0.training.batchSize = 16
                $0.training.learningRate = 5e-3
                $0.training.logEvery = 10
                $0.training.saveEvery = 60
            }.run
            let losses = try runs.metrics(run).map(\.loss)
            #expect(losses.count == 6)
            // A new model returns zero, with the mean square of data - noise as loss, above 1.
            #expect(losses[0] > 1)
            #expect(losses[5] < 0.7 * losses[0], "\(losses)")
        }
    }

    @Test func previewsArePicturesOfBothWeights() throws {
        try TinyRuns.with { runs in
            let run = try runs.train("run") { $0.training.previewEvery = 3 }.run
            let names = try FileManager.default.contentsOfDirectory(atPath: run.previewsPath).sorted()
            #expect(
                names == [
                    "step-000003-raw.png", "step-000003.png", "step-000006-raw.png", "step-000006.png",
                ])
            for name in names {
                let sheet = try ImageFile.read("\(run.previewsPath)/\(name)")
                // Three rows of two images, each drawn at 64 pixels.
                #expect(sheet.width > 128 && (192..<256).contains(sheet.height))
                #expect(Set(sheet.pixels).count > 50)
            }
        }
    }

    @Test func theConfigurationIsKeptWhole() throws {
        try TinyRuns.with { runs in
            let run = try runs.train("run") { $0.training.steps = 1 }.run
            var expected = runs.configuration("run")
            expected.training.steps = 1
            expected.model.classes = 8
            expected.decideGuidance(classes: 8)
            #expect(try Configuration(yaml: run.configurationPath) == expected)
            let names = try FileManager.default.contentsOfDirectory(atPath: run.path).sorted()
            #expect(
                names.filter { !$0.hasPrefix("events.out.tfevents.") }
                    == ["config.yaml", "latest", "metrics.jsonl", "previews", "step-0000001"])
            #expect(names.count == 6)
        }
    }
}
