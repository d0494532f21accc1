import Foundation
import PixNerdCheckpoints
import PixNerdInspection
import PixNerdModels
import PixNerdTestSupport
import PixNerdTraining
import Testing

/// Runs that are aligned with an encoder of a few thousand random weights.
@Suite struct AlignmentTests {
    @Test func bothLossesFallAndAreLogged() throws {
        try TinyRuns.with { runs in
            let run = try runs.train("long") {
                runs.align(&$0)
                $0.training.steps = 60
                $0.training.batchSize = 16
                $0.training.learningRate = 5e-3
                $0.training.logEvery = 10
                $0.training.saveEvery = 60
            }.run
            let metrics = try runs.metrics(run)
            let (flows, aligns) = (metrics.compactMap(\.flow), metrics.compactMap(\.align))
            #expect(flows.count == 6 && aligns.count == 6)
            #expect(flows[5] < 0.8 * flows[0], "\(flows)")
            #expect(aligns[5] < 0.7 * aligns[0], "\(aligns)")
            for record in metrics {
                #expect(abs(record.loss - (record.flow! + 0.5 * record.align!)) < 1e-5)
            }
        }
    }

    @Test func aRunThatIsNotAlignedLogsNoParts() throws {
        try TinyRuns.with { runs in
            let run = try runs.train("plain").run
            #expect(try runs.metrics(run).allSatisfy { $0.flow == nil && $0.align == nil })
            #expect(try !String(contentsOfFile: run.metricsPath, encoding: .utf8).contains("align"))
        }
    }

    @Test func checkpointsHoldTheProjectorUnderItsPublishedNames() throws {
        try TinyRuns.with { runs in
            let run = try runs.train("run") {
                runs.align(&$0)
                $0.repa.projectorWidth = 20
            }.run
            let file = try SafetensorsFile(path: "\(run.stepPath(6))/denoiser.safetensors")
            let names = file.names.filter { $0.hasPrefix("diffusion_trainer.") }.sorted()
            #expect(
                names
                    == [0, 2, 4].flatMap { layer in
                        ["bias", "weight"].map { "diffusion_trainer.proj.0.\(layer).\($0)" }
                    })
            #expect(file.shape(of: "diffusion_trainer.proj.0.0.weight") == [20, 16])
            #expect(file.shape(of: "diffusion_trainer.proj.0.4.weight") == [24, 20])
            let checkpoint = try DenoiserCheckpoint(path: run.path)
            #expect(try checkpoint.projector()?.parameterCount == 17 * 20 + 21 * 20 + 21 * 24)
            _ = try (checkpoint.load(.raw), checkpoint.load(.ema))
            let summary = try CheckpointSummary(checkpoint, size: nil)
            #expect(summary.projector?.hidden == 20 && summary.unknown.tensors == [])
        }
    }

    /// Alignment changes the denoiser, but with weight 0 the run equals one without alignment.
    @Test func theWeightDecides() throws {
        try TinyRuns.with { runs in
            func denoiser(_ name: String, _ change: (inout Configuration) -> Void) throws -> [[Float]] {
                let run = try runs.train(name) {
                    $0.model.patchSize = 4
                    change(&$0)
                }.run
                return try DenoiserCheckpoint(path: run.path).load(.raw).parameters.map(\.value.values)
            }
            let plain = try denoiser("plain") { _ in }
            let whole = try denoiser("whole", runs.align)
            #expect(plain != whole)
            let none = try denoiser("none") {
                runs.align(&$0)
                $0.repa.weight = 0
            }
            #expect(plain == none)
        }
    }

    @Test(arguments: [false, true], [1, 3, 4])
    func aStoppedRunResumesToTheBit(isCached: Bool, step: Int) throws {
        try TinyRuns.with { runs in
            if isCached { try runs.encodeFeatures() }
            func change(_ configuration: inout Configuration) {
                isCached ? runs.fromCache(&configuration) : runs.align(&configuration)
                configuration.training.accumulate = 2
                configuration.training.gradientClip = 0.5
                configuration.training.recompute = true
            }
            let (whole, resumed) = try runs.wholeAndResumed(stopAfter: step, change)
            #expect(resumed.log == [])
            expectSame(try runs.files(whole), try runs.files(resumed.run))
            #expect(try runs.metrics(whole).map(\.align) == runs.metrics(resumed.run).map(\.align))
        }
    }

    @Test func featuresFromACacheGiveTheSameLosses() throws {
        try TinyRuns.with { runs in
            #expect(try runs.encodeFeatures().written == 32)
            let ahead = try runs.train("cached") { runs.fromCache(&$0) }.run
            let inStep = try runs.train("in-step", runs.align).run
            for (cached, computed) in zip(try runs.metrics(ahead), try runs.metrics(inStep)) {
                #expect(abs(cached.loss / computed.loss - 1) < 1e-3)
                #expect(abs(cached.align! / computed.align! - 1) < 1e-3)
            }
            // The same encoder may also be given.
            try runs.train("both") {
                runs.fromCache(&$0)
                $0.repa.encoder = Fixtures.path("dinov2/transformers-registers")
            }
        }
    }

    @Test func encodingGoesOnWhereItStopped() throws {
        try TinyRuns.with { runs in
            try runs.encodeFeatures(to: "whole")
            #expect(try !runs.encodeFeatures(stopAfter: 3).isFinished)
            let shard = "features-000000.safetensors"
            #expect(!FileManager.default.fileExists(atPath: "\(runs.directory)/features/\(shard)"))
            #expect(try runs.encodeFeatures().written == 32)
            #expect(try runs.encodeFeatures().kept == 32)
            for name in [shard, "features.json"] {
                let (one, other) = (
                    try Data(contentsOf: URL(fileURLWithPath: "\(runs.directory)/whole/\(name)")),
                    try Data(contentsOf: URL(fileURLWithPath: "\(runs.directory)/features/\(name)"))
                )
                #expect(one == other)
            }
        }
    }

    @Test func unreadablePicturesAreLeftOut() throws {
        try TinyRuns.with { runs in
            let names = try FileManager.default.contentsOfDirectory(atPath: "\(runs.pictures)/ring").sorted()
            let path = "\(runs.pictures)/ring/\(names[0])"
            try Data("no picture".utf8).write(to: URL(fileURLWithPath: path))
            try runs.encodeFeatures()
            let places = try SafetensorsFile(path: "\(runs.directory)/features/features-000000.safetensors")
                .integers("places")
            #expect(places.count == 31 && places == places.sorted())
            #expect(try runs.train("run") { runs.fromCache(&$0) }.isFinished)
        }
    }
}
