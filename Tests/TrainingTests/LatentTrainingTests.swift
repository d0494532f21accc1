import Foundation
import PixNerdCheckpoints
import PixNerdImages
import PixNerdModels
import PixNerdTestSupport
import PixNerdTraining
import Testing

/// Runs in the latents of an autoencoder, encoded during training or precomputed.
@Suite struct LatentTrainingTests {
    @Test func theLossFallsAndTheCheckpointKnowsItsAutoencoder() throws {
        try TinyRuns.with { runs in
            let source = try runs.trainAutoencoder {
                $0.training.steps = 40
                $0.training.learningRate = 5e-3
                $0.training.saveEvery = 40
            }.run
            let run = try runs.train("run") {
                runs.inLatents(&$0)
                $0.training.steps = 60
                $0.training.batchSize = 16
                $0.training.learningRate = 5e-3
                $0.training.logEvery = 10
                $0.training.saveEvery = 60
            }.run
            let losses = try runs.metrics(run).map(\.loss)
            #expect(losses[5] < 0.9 * losses[0], "\(losses)")
            let checkpoint = try DenoiserCheckpoint(path: run.path)
            let identity = try #require(checkpoint.autoencoder)
            #expect(identity.path == source.stepPath(40) && identity.reduction == 2 && identity.latentChannels == 2)
            let autoencoder = try AutoencoderCheckpoint(path: source.path)
            #expect(try identity.fingerprint == autoencoder.load().fingerprint && identity.scale == autoencoder.scale)
            #expect(try checkpoint.load(.ema).channels == 2)
        }
    }

    /// Precomputed latents, also of mirrored images, equal those encoded during training. The last bits may differ,
    /// since OpenBLAS rounds matmuls of other batch sizes differently.
    @Test(arguments: [DenoiserOptions.Head.field, .linear])
    func cachedLatentsMakeTheSameRun(head: DenoiserOptions.Head) throws {
        try TinyRuns.with { runs in
            try runs.trainAutoencoder()
            try runs.encodeLatents()
            try expectSameCourse(runs, cache: "\(runs.directory)/latents") {
                $0.model.head = head
                if head == .linear { $0.model.fieldWidth = Configuration().model.fieldWidth }
            }
        }
    }

    /// The layout of the published training code.
    @Test func latentsBesideEachPictureAreRead() throws {
        try TinyRuns.with { runs in
            try runs.trainAutoencoder()
            try runs.writeLatentFiles()
            try expectSameCourse(runs, cache: "\(runs.directory)/files") { $0.data.flip = false }
        }
    }

    /// Checks that a run with precomputed latents has the losses of one that encodes during training.
    private func expectSameCourse(_ runs: TinyRuns, cache: String, _ change: (inout Configuration) -> Void) throws {
        func losses(_ name: String, cache: String) throws -> [Double] {
            let run = try runs.train(name) {
                runs.inLatents(&$0)
                change(&$0)
                $0.latent.cache = cache
            }.run
            return try runs.metrics(run).map(\.loss)
        }
        let (inStep, read) = (try losses("step", cache: ""), try losses("read", cache: cache))
        #expect(inStep.count == read.count && !inStep.isEmpty)
        for (a, b) in zip(inStep, read) { #expect(abs(a - b) < 1e-4 * a, "\(a) in the step, \(b) from the cache") }
    }

    @Test(arguments: [false, true], [1, 4])
    func aStoppedRunResumesToTheBit(isCached: Bool, step: Int) throws {
        try TinyRuns.with { runs in
            try runs.trainAutoencoder()
            if isCached { try runs.encodeLatents() }
            func change(_ configuration: inout Configuration) {
                runs.inLatents(&configuration)
                configuration.training.accumulate = 2
                if isCached { configuration.latent.cache = "\(runs.directory)/latents" }
            }
            let whole = try runs.train("whole", change).run
            try runs.train("stopped", stopAfter: step, change)
            let resumed = try runs.train("stopped", resume: true, change)
            #expect(resumed.isFinished && resumed.log == [])
            expectSame(try runs.files(whole), try runs.files(resumed.run))
        }
    }

    /// Each step samples new latents for each image.
    @Test func latentsAreDrawnAnew() throws {
        try TinyRuns.with { runs in
            try runs.trainAutoencoder()
            func losses(_ name: String, seed: UInt64) throws -> [Double] {
                try runs.metrics(
                    runs.train(name) {
                        runs.inLatents(&$0)
                        $0.seed = seed
                    }.run
                ).map(\.loss)
            }
            #expect(try losses("a", seed: 1) == losses("b", seed: 1))
            #expect(try losses("c", seed: 2) != losses("d", seed: 1))
        }
    }

    @Test func stoppedEncodingGoesOn() throws {
        try TinyRuns.with { runs in
            try runs.trainAutoencoder()
            let whole = try runs.encodeLatents(to: "whole")
            #expect(whole.isFinished && whole.written == 32)
            let stopped = try runs.encodeLatents(stopAfter: 2)
            #expect(!stopped.isFinished && stopped.written == 0)
            #expect(try runs.encodeLatents().isFinished)
            #expect(try runs.encodeLatents().kept == 32)
            for name in ["latents.json", "latents-000000.safetensors"] {
                let files = try ["whole", "latents"].map {
                    try Data(contentsOf: URL(fileURLWithPath: "\(runs.directory)/\($0)/\(name)"))
                }
                #expect(files[0] == files[1])
            }
        }
    }

    /// Half-precision latents take half the space and differ only by rounding.
    @Test func latentsAreKeptInHalfTheSpace() throws {
        try TinyRuns.with { runs in
            try runs.trainAutoencoder()
            try runs.encodeLatents(type: .bfloat16)
            let file = try SafetensorsFile(path: "\(runs.directory)/latents/latents-000000.safetensors")
            #expect(file.elementType(of: "moments") == .bfloat16 && file.shape(of: "moments") == [32, 4, 8, 8])
            let run = try runs.train("run") {
                runs.inLatents(&$0)
                $0.latent.cache = "\(runs.directory)/latents"
            }.run
            let exact = try runs.train("exact") { runs.inLatents(&$0) }.run
            for (a, b) in try zip(runs.metrics(run), runs.metrics(exact)) {
                #expect(a.loss != b.loss && abs(a.loss - b.loss) < 0.02 * b.loss)
            }
        }
    }

    @Test func previewsAreDecoded() throws {
        try TinyRuns.with { runs in
            try runs.trainAutoencoder()
            let run = try runs.train("run") {
                runs.inLatents(&$0)
                $0.training.previewEvery = 6
            }.run
            let sheet = try ImageFile.read("\(run.previewsPath)/step-000006.png")
            #expect(sheet.width >= 2 * 16 && sheet.height >= 3 * 16)
        }
    }
}
