import Foundation
import PixNerdImages
import PixNerdModels
import PixNerdTensors
import PixNerdTestSupport
import PixNerdTraining
import Testing

/// Runs of kind video-autoencoder.
@Suite struct VideoTrainingTests {
    /// Makes films and an image autoencoder, and trains the temporal part of a video autoencoder over it.
    @discardableResult
    private func train(
        _ runs: TinyRuns, _ name: String = "video", resume: Bool = false, stopAfter: Int? = nil,
        _ change: (inout Configuration) -> Void = { _ in }
    ) throws -> TinyRuns.Outcome {
        let films = "\(runs.directory)/films"
        if !FileManager.default.fileExists(atPath: films) {
            try MovingShapes.write(to: films, films: 5, frames: 6, size: 16, seed: 2)
            try runs.trainAutoencoder()
        }
        return try runs.train(name, resume: resume, stopAfter: stopAfter) {
            $0.kind = .videoAutoencoder
            $0.model = Configuration().model
            $0.data.root = films
            $0.data.flip = false
            $0.latent.autoencoder = "\(runs.directory)/autoencoder"
            $0.training.batchSize = 4
            ($0.video.frames, $0.video.factor, $0.video.filters) = (5, 2, 4)
            ($0.video.multipliers, $0.video.groups) = ([1, 2], 2)
            $0.autoencoder.divergenceWeight = 1e-3
            change(&$0)
        }
    }

    @Test func theLossFallsAndItsPartsAreLogged() throws {
        try TinyRuns.with { runs in
            let run = try train(runs) {
                $0.training.steps = 60
                $0.training.learningRate = 5e-3
                $0.training.logEvery = 20
                $0.training.saveEvery = 60
            }.run
            let metrics = try runs.metrics(run)
            let errors = metrics.compactMap(\.reconstruction)
            #expect(errors.count == 3 && errors[2] < errors[0], "\(errors)")
            for record in metrics {
                // The divergence of a film is divided by the number of values of its frames' latents.
                let divergence = try #require(record.divergence)
                let expected = try #require(record.reconstruction) + 1e-3 * divergence / Double(5 * 2 * 8 * 8)
                #expect(abs(record.loss - expected) < 1e-4)
            }
        }
    }

    @Test func aStoppedRunResumesToTheBit() throws {
        try TinyRuns.with { runs in
            func change(_ configuration: inout Configuration) {
                configuration.training.accumulate = 2
                configuration.training.emaDecay = [0.9, 0.5]
            }
            let whole = try train(runs, "whole", change).run
            #expect(try !train(runs, "stopped", stopAfter: 3, change).isFinished)
            let resumed = try train(runs, "stopped", resume: true, change)
            #expect(resumed.isFinished)
            let (files, others) = (try runs.files(whole), try runs.files(resumed.run))
            #expect(files.keys.contains("model.safetensors") && files.keys.contains("raw.safetensors"))
            #expect(files == others)
        }
    }

    /// A checkpoint is in the layout of Open-Sora, with the factor of its own image autoencoder.
    @Test func aSavedStepIsAVideoAutoencoder() throws {
        try TinyRuns.with { runs in
            let run = try train(runs) { $0.training.previewEvery = 3 }.run
            let checkpoint = try VideoAutoencoderCheckpoint(path: run.path)
            let spatial = try AutoencoderCheckpoint(path: "\(runs.directory)/autoencoder")
            #expect(checkpoint.path == run.stepPath(6) && checkpoint.numbers.piece == 5)
            #expect(checkpoint.numbers.spatialFactor == spatial.scale?.factor && checkpoint.scaleWarning == nil)
            #expect(checkpoint.temporal.factor == 2 && checkpoint.temporal.filters == 4)
            let model = try checkpoint.load()
            #expect(try model.spatial.fingerprint == spatial.load().fingerprint)
            // Its numbers normalize the latents of the films that they were measured on.
            var statistics = LatentStatistics(channels: 2)
            for film in try Clip.paths("\(runs.directory)/films") {
                let frames = try Clip.read(film, most: 5).frames
                var values = [Float]()
                for frame in frames {
                    for channel in 0..<3 {
                        for place in 0..<16 * 16 { values.append(Float(frame.pixels[3 * place + channel]) / 127.5 - 1) }
                    }
                }
                let pixels = Tensor(values, shape: [5, 3, 16, 16])
                statistics.add(model.encode(pixels))
            }
            #expect(statistics.channelMeans.allSatisfy { abs($0) < 0.02 })
            #expect(statistics.channelDeviations.allSatisfy { abs($0 - 1) < 0.02 })
            let sheet = try ImageFile.read("\(run.previewsPath)/step-000006.png")
            #expect(sheet.width > 5 * 16 && sheet.height > 8 * 16)
        }
    }

    @Test func heldOutFilmsAreMeasured() throws {
        try TinyRuns.with { runs in
            let run = try train(runs) {
                $0.data.holdout = 0.4
                $0.training.holdoutEvery = 3
                $0.training.holdoutImages = 4
            }.run
            #expect(try runs.metrics(run).contains { $0.holdoutLoss != nil })
        }
    }

    @Test func whatDoesNotFitIsRefused() throws {
        try TinyRuns.with { runs in
            func refuse(_ needed: [String], _ change: (inout Configuration) -> Void) {
                expectSentence(sentence { try train(runs, "other", change) }, naming: needed)
            }
            try train(runs)
            refuse(["latent.vae", "empty"]) { $0.latent.autoencoder = "" }
            refuse(["model.hidden_size", "kind is video-autoencoder"]) { $0.model.hiddenSize = 32 }
            refuse(["data.flip", "kind is video-autoencoder"]) { $0.data.flip = true }
            refuse(["autoencoder.latent_channels"]) { $0.autoencoder.latentChannels = 8 }
            refuse(["films/00001", "6 frames", "at least 7", "video.frames"]) { $0.video.frames = 7 }
            refuse(["video.time_factor", "4", "power of two"]) { $0.video.factor = 4 }
            refuse(["section video", "filters", "num_groups"]) { $0.video.filters = 5 }
            refuse(["data.image_size", "17"]) { $0.data.imageSize = 17 }
            refuse(["video.frames", "kind is autoencoder"]) { $0.kind = .autoencoder }
            expectSentence(
                sentence { try train(runs, resume: true) { $0.video.filters = 8 } },
                naming: ["video", "other sizes", "another name"])
            try ImageFile.writePNG(
                RGBImage(width: 15, height: 16, fill: (1, 2, 3)), to: "\(runs.directory)/films/00002/frame-00003.png")
            refuse(["00002/frame-00003.png", "16x15", "expected 16"]) { $0.video.frames = 6 }
        }
    }
}
