import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdTensors
import PixNerdTestSupport
import PixNerdTraining
import Testing

/// Runs of kind autoencoder.
@Suite struct AutoencoderTrainingTests {
    @Test func theLossFallsAndItsPartsAreLogged() throws {
        try TinyRuns.with { runs in
            let run = try runs.trainAutoencoder {
                $0.training.steps = 80
                $0.training.batchSize = 8
                $0.training.learningRate = 5e-3
                $0.training.logEvery = 20
                $0.training.saveEvery = 80
            }.run
            let metrics = try runs.metrics(run)
            let errors = metrics.compactMap(\.reconstruction)
            #expect(errors.count == 4 && errors[3] < 0.6 * errors[0], "\(errors)")
            for record in metrics {
                let divergence = try #require(record.divergence)
                #expect(divergence > 0 && record.lossByTime == nil && record.flow == nil)
                // The divergence of an image is divided by its number of values.
                #expect(abs(record.loss - (record.reconstruction! + 1e-3 * divergence / (3 * 16 * 16))) < 1e-5)
            }
        }
    }

    @Test(arguments: [1, 3, 4])
    func aStoppedRunResumesToTheBit(step: Int) throws {
        try TinyRuns.with { runs in
            func change(_ configuration: inout Configuration) {
                configuration.training.accumulate = 2
                configuration.training.gradientClip = 0.5
                configuration.training.emaDecay = [0.9, 0.5]
                configuration.data.flip = true
            }
            let whole = try runs.trainAutoencoder("whole", change).run
            #expect(try !runs.trainAutoencoder("stopped", stopAfter: step, change).isFinished)
            let resumed = try runs.trainAutoencoder("stopped", resume: true, change)
            #expect(resumed.isFinished && resumed.log == [])
            let (files, others) = (try runs.files(whole), try runs.files(resumed.run))
            #expect(
                files.keys.sorted() == [
                    "config.json", "diffusion_pytorch_model.safetensors", "ema-0.5.safetensors",
                    "optimizer.safetensors", "raw.safetensors", "state.json",
                ])
            #expect(files == others)
        }
    }

    /// Accumulation changes only the order of sums.
    @Test func accumulationMakesTheSameRun() throws {
        try TinyRuns.with { runs in
            let losses = try [1, 2, 4].map { parts in
                try runs.metrics(runs.trainAutoencoder("\(parts)") { $0.training.accumulate = parts }.run).map(\.loss)
            }
            for other in losses.dropFirst() {
                for (a, b) in zip(losses[0], other) { #expect(abs(a - b) < 1e-4 * a) }
            }
        }
    }

    /// A checkpoint is a diffusers directory, and its measured scale brings latents to standard deviation 1.
    @Test func aSavedStepIsAnAutoencoderWithItsScale() throws {
        try TinyRuns.with { runs in
            let run = try runs.trainAutoencoder().run
            for path in [run.path, run.stepPath(6)] {
                let checkpoint = try AutoencoderCheckpoint(path: path)
                #expect(checkpoint.path == run.stepPath(6))
                #expect(checkpoint.architecture.reduction == 2 && checkpoint.architecture.latentChannels == 2)
                let scale = try #require(checkpoint.scale)
                let model = try checkpoint.load()
                var statistics = LatentStatistics(channels: 2)
                let pictures = try ImageCollection.open(root: runs.pictures)
                let reader = CropReader(pictures, imageSize: 16)
                let batch = try #require(reader.read(0..<pictures.samples.count, unreadable: { _ in }))
                let space = LatentSpace(
                    model,
                    scale: (0..<2).map { channel in
                        let affine = scale.affine(channel: channel)
                        return (factor: affine.scale, offset: affine.offset)
                    })
                statistics.add(space.encode(batch) { RandomStream(seed: 3, purpose: .latents, index: $0) })
                // Other samples than those that the scale was measured on.
                let (means, deviations) = (statistics.channelMeans, statistics.channelDeviations)
                #expect(means.allSatisfy { abs($0) < 0.05 } && deviations.allSatisfy { abs($0 - 1) < 0.05 })
                // Around the channel means, the factor alone brings the standard deviation to 1.
                let squares = try #require(scale.deviations).reduce(0) { $0 + $1 * $1 }
                #expect(abs(squares / 2 - 1) < 1e-5 && scale.means?.count == 2)
            }
            let json = try #require(
                try JSONSerialization.jsonObject(
                    with: Data(contentsOf: URL(fileURLWithPath: "\(run.stepPath(6))/config.json"))) as? [String: Any])
            #expect(json["_class_name"] as? String == "AutoencoderKL" && json["sample_size"] as? Int == 16)
            #expect(json["block_out_channels"] as? [Int] == [8, 8] && json["norm_num_groups"] as? Int == 4)
        }
    }

    @Test func previewsShowRoundTrips() throws {
        try TinyRuns.with { runs in
            let run = try runs.trainAutoencoder { $0.training.previewEvery = 3 }.run
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: run.previewsPath).sorted() == [
                    "step-000003-raw.png", "step-000003.png", "step-000006-raw.png", "step-000006.png",
                ])
            let sheet = try ImageFile.read("\(run.previewsPath)/step-000006.png")
            #expect(sheet.width > 12 * 16 && sheet.height > 2 * 16)
        }
    }

    /// The summary has the number of parameters before a model is made.
    @Test func theSummaryTellsTheSize() throws {
        try TinyRuns.with { runs in
            var configuration = runs.configuration("run")
            runs.makeAutoencoder(&configuration)
            let trainer = try Trainer(configuration, resume: false, logger: .init(label: "test"))
            let architecture = try AutoencoderArchitecture(
                latentChannels: 2, levelWidths: [8, 8], blocksPerLevel: 1, groups: 4, hasAttention: false)
            let parameters = Autoencoder(architecture, seed: 0).parameters.reduce(0) { $0 + $1.value.count }
            #expect(trainer.summary.contains("an autoencoder of \(parameters) parameters, 2 channels, f2"))
            #expect(trainer.summary.contains("32, at 16 x 16"))
        }
    }

    @Test func whatDoesNotFitIsRefused() throws {
        try TinyRuns.with { runs in
            func refuse(_ needed: [String], _ change: (inout Configuration) -> Void) {
                expectSentence(sentence { try runs.trainAutoencoder("run", change) }, naming: needed)
                #expect(!FileManager.default.fileExists(atPath: "\(runs.directory)/run"))
            }
            refuse(["model.hidden_size", "kind is autoencoder", "remove it"]) { $0.model.hiddenSize = 32 }
            refuse(["precision", "kind is autoencoder"]) { $0.precision = .bf16 }
            refuse(["repa.encoder", "kind is autoencoder"]) { $0.repa.encoder = "x" }
            refuse(["space", "kind is autoencoder"]) { $0.space = .latent }
            refuse(["autoencoder.perceptual_weight", "autoencoder.perceptual is empty", "remove"]) {
                $0.autoencoder.perceptualWeight = 0.5
            }
            refuse(["data.image_size", "17", "nearest"]) { $0.data.imageSize = 17 }
            refuse(["section autoencoder", "6", "4"]) { $0.autoencoder.widths = [6, 8] }
        }
    }

    @Test func anotherArchitectureDoesNotResume() throws {
        try TinyRuns.with { runs in
            try runs.trainAutoencoder(stopAfter: 3)
            let text = sentence { try runs.trainAutoencoder(resume: true) { $0.autoencoder.latentChannels = 4 } }
            expectSentence(text, naming: ["autoencoder", "other sizes", "another name"])
            // A denoiser cannot resume from an autoencoder, nor an autoencoder from a denoiser.
            expectSentence(sentence { try runs.train("autoencoder", resume: true) }, naming: ["autoencoder"])
            try runs.train("denoiser", stopAfter: 3)
            expectSentence(sentence { try runs.trainAutoencoder("denoiser", resume: true) }, naming: ["denoiser"])
        }
    }
}
