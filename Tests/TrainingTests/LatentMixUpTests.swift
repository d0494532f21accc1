import Foundation
import PixNerdCheckpoints
import PixNerdImages
import PixNerdModels
import PixNerdTestSupport
import PixNerdTraining
import Testing

/// Mix-ups of autoencoders, scales, cached latents and runs are detected and named.
@Suite struct LatentMixUpTests {
    /// Changes `config.json` of a saved autoencoder.
    private func rewrite(
        _ path: String, _ change: (inout [String: Any]) -> Void
    ) throws {
        let url = URL(fileURLWithPath: "\(path)/config.json")
        var json = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any])
        change(&json)
        try JSONSerialization.data(withJSONObject: json).write(to: url)
    }

    /// Trains a second autoencoder of the same architecture.
    private func trainOther(_ runs: TinyRuns) throws {
        try runs.trainAutoencoder("other") { $0.seed = 12 }
    }

    @Test func anotherAutoencoderDoesNotResume() throws {
        try TinyRuns.with { runs in
            try runs.trainAutoencoder()
            try trainOther(runs)
            try runs.train("run", stopAfter: 3) { runs.inLatents(&$0) }
            let text = sentence {
                try runs.train("run", resume: true) { runs.inLatents(of: "other", &$0) }
            }
            expectSentence(text, naming: ["autoencoder/step", "other/step", "weights", "allowsOtherAutoencoder"])
            let allowed = try runs.train("run", resume: true, allowsOtherAutoencoder: true) {
                runs.inLatents(of: "other", &$0)
            }
            #expect(allowed.isFinished)
            // The same weights at another path are the same autoencoder.
            try runs.train("moved", stopAfter: 3) { runs.inLatents(&$0) }
            try FileManager.default.copyItem(
                atPath: "\(runs.directory)/autoencoder", toPath: "\(runs.directory)/copy")
            #expect(try runs.train("moved", resume: true) { runs.inLatents(of: "copy", &$0) }.isFinished)
        }
    }

    @Test func anotherScaleDoesNotResume() throws {
        try TinyRuns.with { runs in
            let run = try runs.trainAutoencoder().run
            try runs.train("run", stopAfter: 3) { runs.inLatents(&$0) }
            try rewrite(run.stepPath(6)) { $0["scaling_factor"] = ($0["scaling_factor"] as! Double) * 1.01 }
            let text = sentence { try runs.train("run", resume: true) { runs.inLatents(&$0) } }
            expectSentence(text, naming: ["run", "factor", "allowsOtherAutoencoder"])
        }
    }

    @Test func pixelsAndLatentsDoNotResumeEachOther() throws {
        try TinyRuns.with { runs in
            try runs.trainAutoencoder()
            try runs.train("latent", stopAfter: 3) { runs.inLatents(&$0) }
            try runs.train("pixel", stopAfter: 3)
            expectSentence(
                sentence { try runs.train("latent", resume: true) { $0.model.patchSize = 2 } },
                naming: ["latent", "in the latents of", "asks for pixels"])
            expectSentence(
                sentence { try runs.train("pixel", resume: true) { runs.inLatents(&$0) } },
                naming: ["pixel", "in pixels", "asks for the latents of"])
        }
    }

    /// A factor in `config.json` that does not bring the latents to standard deviation 1.
    @Test(arguments: [0.18215, 0.13025])
    func aWrongScaleDoesNotBegin(factor: Double) throws {
        try TinyRuns.with { runs in
            let run = try runs.trainAutoencoder().run
            var measured = 0.0
            try rewrite(run.stepPath(6)) {
                measured = $0["scaling_factor"] as! Double
                $0["scaling_factor"] = factor
            }
            let text = sentence { try runs.train("run") { runs.inLatents(&$0) } }
            expectSentence(text, naming: ["deviation", "scaling_factor", "latent.check_scale"])
            #expect(text.contains(factor == 0.18215 ? "Stable Diffusion 1" : "SDXL"), "called by its name: \(text)")
            #expect(text.contains(String(format: "%.2g", measured).prefix(3)), "\(text), measured \(measured)")
            #expect(!FileManager.default.fileExists(atPath: "\(runs.directory)/run"))
            #expect(
                try runs.train("run") {
                    runs.inLatents(&$0)
                    $0.latent.checkScale = false
                }.isFinished)
        }
    }

    @Test func aScaleThatContradictsTheFileIsRefused() throws {
        try TinyRuns.with { runs in
            let run = try runs.trainAutoencoder().run
            let text = sentence {
                try runs.train("run") {
                    runs.inLatents(&$0)
                    $0.latent.scalingFactor = 0.18215
                }
            }
            expectSentence(text, naming: ["0.18215", "Stable Diffusion", "autoencoder", "latent.scaling_factor"])
            // Without a scale in a file, the configuration must have one.
            let scale = try #require(try AutoencoderCheckpoint(path: run.path).scale)
            try FileManager.default.removeItem(atPath: "\(run.stepPath(6))/config.json")
            // Groups cannot be inferred from shapes: the default of 32 does not divide 8 channels.
            let bare = sentence { try runs.train("run") { runs.inLatents(&$0) } }
            #expect(bare.contains("groups") || bare.contains("latent.scaling_factor"), "\(bare)")
            #expect(scale.factor > 0)
        }
    }

    /// Latents that already have standard deviation 1 are scaled again, whether encoded during training or cached.
    @Test(arguments: [false, true])
    func latentsThatAreScaledTwiceAreNoticed(isCached: Bool) throws {
        try TinyRuns.with { runs in
            let run = try runs.trainAutoencoder().run
            try runs.encodeLatents()
            try rewrite(run.stepPath(6)) { json in
                #expect(abs((json["scaling_factor"] as? Double ?? 0) - 1) < 0.15, "its latents have deviation 1")
                json["scaling_factor"] = 0.4
            }
            let text = sentence {
                try runs.train("run") {
                    runs.inLatents(&$0)
                    if isCached { $0.latent.cache = "\(runs.directory)/latents" }
                }
            }
            expectSentence(text, naming: ["scaled twice", "deviation", "latent.check_scale"])
        }
    }

    /// Cached latents of another autoencoder, size, crop, or other images are refused.
    @Test func otherLatentsAreNotTrainedIn() throws {
        try TinyRuns.with { runs in
            try runs.trainAutoencoder()
            try trainOther(runs)
            try runs.encodeLatents()
            func refusal(_ change: (inout Configuration) -> Void) -> String {
                sentence {
                    try runs.train("run") {
                        runs.inLatents(&$0)
                        $0.latent.cache = "\(runs.directory)/latents"
                        change(&$0)
                    }
                }
            }
            expectSentence(
                refusal { $0.latent.autoencoder = "\(runs.directory)/other" },
                naming: ["latents of autoencoder", "weights", "other/step", "encode latents"])
            expectSentence(
                refusal { $0.data.crop = .random }, naming: ["data.crop is random", "set data.crop to center"])
            expectSentence(refusal { $0.data.imageSize = 32 }, naming: ["data.image_size 16", "is 32"])
            expectSentence(refusal { $0.data.fastDecode = true }, naming: ["data.fast_decode"])
            expectSentence(
                refusal { $0.latent.cache = runs.pictures }, naming: ["latents.json", "latent.cache"])
            expectSentence(
                sentence { try runs.encodeLatents(of: "other") }, naming: ["latents", "another encoder", "remove it"])
            expectSentence(
                sentence { try runs.encodeLatents(to: "more", size: 17) }, naming: ["is 17", "nearest"])
            #expect(!FileManager.default.fileExists(atPath: "\(runs.directory)/run"))
        }
    }

    /// Latent files do not record their autoencoder, so some are compared.
    @Test func otherLatentsBesideEachPictureAreNotTrainedIn() throws {
        try TinyRuns.with { runs in
            try runs.trainAutoencoder()
            try trainOther(runs)
            try runs.writeLatentFiles()
            try runs.writeLatentFiles(to: "others", of: "other")
            try runs.writeLatentFiles(to: "scaled") { $0 * 0.8 }
            func refusal(_ cache: String, _ change: (inout Configuration) -> Void = { _ in }) -> String {
                sentence {
                    try runs.train("run") {
                        runs.inLatents(&$0)
                        $0.data.flip = false
                        $0.latent.cache = "\(runs.directory)/\(cache)"
                        change(&$0)
                    }
                }
            }
            expectSentence(refusal("others"), naming: ["others/", ".pt", "autoencoder/step", "means differ by"])
            expectSentence(refusal("scaled"), naming: ["scaled/", "means differ by", "scale"])
            expectSentence(refusal("files") { $0.data.flip = true }, naming: ["data.flip", "encode latents"])
            expectSentence(refusal("files") { $0.data.crop = .random }, naming: ["data.crop is random"])
            expectSentence(refusal("files") { $0.data.imageSize = 32 }, naming: [".pt", "[2, 8, 8]", "[2, 16, 16]"])
        }
    }

    @Test func aPictureThatHasChangedIsNoticed() throws {
        try TinyRuns.with { runs in
            try runs.trainAutoencoder()
            try runs.encodeLatents()
            try FileManager.default.removeItem(atPath: runs.pictures)
            try ShapesDataset.write(to: runs.pictures, imagesPerClass: 4, size: 16, seed: 6)
            let text = sentence {
                try runs.train("run") {
                    runs.inLatents(&$0)
                    $0.latent.cache = "\(runs.directory)/latents"
                }
            }
            expectSentence(text, naming: [runs.pictures, "not the image", "encode latents"])
        }
    }

    @Test func whatDoesNotFitIsRefused() throws {
        try TinyRuns.with { runs in
            try runs.trainAutoencoder()
            func refuse(_ needed: [String], _ change: (inout Configuration) -> Void) {
                let text = sentence {
                    try runs.train("run") {
                        runs.inLatents(&$0)
                        change(&$0)
                    }
                }
                expectSentence(text, naming: needed)
            }
            refuse(["latent.vae is empty"]) { $0.latent.autoencoder = "" }
            refuse(["no autoencoder /missing"]) { $0.latent.autoencoder = "/missing" }
            refuse(["latent.vae is set", "space is pixel"]) { $0.space = .pixel }
            refuse(["data.image_size", "18", "patches of 4 x 4", "nearest"]) { $0.data.imageSize = 18 }
            refuse(["training.field_sizes", "space is latent"]) { $0.training.fieldSizes = [32] }
        }
    }
}
