import Foundation
import PixNerdCheckpoints
import PixNerdModels
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Published text models, trained on by `pixnerd train`.
@Suite struct FineTuningTests {
    private static let pixArt = """
        name: tuned
        directory: runs
        seed: 5
        threads: 2
        from: pipeline
        space: latent
        model: {architecture: from}
        data: {root: captioned/train, image_size: 32, workers: 1}
        latent: {vae: pipeline/vae, check_scale: false}
        text: {encoder: pipeline, length: 120}
        training:
          steps: 4
          batch_size: 2
          learning_rate: 1.0e-2
          log_every: 1
          save_every: 2
          preview_every: 4
        sampling: {steps: 2, per_class: 1, classes: 2}
        """

    private static let miniT2I = """
        name: mini
        directory: runs
        threads: 2
        model: {architecture: from}
        data: {root: captioned/train, image_size: 32, workers: 1}
        text: {encoder: flan, length: LENGTH}
        training:
          target: picture
          noise_scale: 2.0
          steps: 3
          batch_size: 2
          log_every: 1
          save_every: 3
          preview_every: 3
        sampling: {steps: 2, per_class: 1, classes: 2}
        """

    private static func pixArt<R>(_ body: (Workplace) throws -> R) throws -> R {
        try Workplace.with { place in
            try place.makePixArtPipeline()
            try place.succeed(
                "dataset", "shapes", "--captions", "--out", "captioned", "--count", "8", "--size", "32")
            try place.write(pixArt, to: "tuned.yaml")
            return try body(place)
        }
    }

    private struct Line: Decodable {
        let step: Int
        let loss: Double?
        let flow: Double?
        let bound: Double?
    }

    private static func metrics(_ place: Workplace, _ run: String) throws -> [Line] {
        try String(decoding: place.bytes("runs/\(run)/metrics.jsonl"), as: UTF8.self).split(separator: "\n").compactMap
        {
            try? JSONDecoder().decode(Line.self, from: Data($0.utf8))
        }.filter { $0.loss != nil }
    }

    @Test func aPixArtLearnsNoiseAndItsVariance() throws {
        try Self.pixArt { place in
            let output = try place.succeed("train", "tuned.yaml").output
            #expect(output.contains("8 with captions") && output.contains("pipeline"), "\(output)")
            let lines = try Self.metrics(place, "tuned")
            #expect(lines.map(\.step) == [1, 2, 3, 4])
            for line in lines {
                let (loss, noise, bound) = (try #require(line.loss), try #require(line.flow), try #require(line.bound))
                // The loss is their sum.
                #expect(abs(loss - noise - bound) < 1e-4 * loss && noise > 0, "\(line)")
            }
            #expect(place.exists("runs/tuned/previews/step-000004.png"))
            let source = try DenoiserCheckpoint(path: place.path("pipeline"))
            let tuned = try DenoiserCheckpoint(path: place.path("runs/tuned"))
            #expect(try source.architecture(.raw).isSame(as: tuned.architecture(.raw)))
            #expect(tuned.pixArtFamily == .alpha)
            // A stopped run goes on to the bit, also without the model that it began with.
            let stopped = ["train", "tuned.yaml", "--set", "name=stopped"]
            try place.succeed(stopped + ["--set", "training.steps=2", "--set", "training.preview_every=0"])
            try FileManager.default.moveItem(
                atPath: place.path("pipeline/transformer"), toPath: place.path("elsewhere"))
            try place.succeed(stopped + ["--set", "from=", "--set", "training.preview_every=0", "--resume"])
            for file in ["denoiser", "ema"] {
                let files = try ["tuned", "stopped"].map {
                    try SafetensorsFile(path: place.path("runs/\($0)/step-0000004/\(file).safetensors"))
                }
                #expect(
                    try files[0].names.allSatisfy { try files[0].tensor($0).values == files[1].tensor($0).values },
                    "\(file)")
            }
            // Sampled as published, with the encoder and autoencoder that it was trained with.
            try place.succeed(
                "sample", "runs/tuned", "--prompt", "a red ring", "--seeds", "1", "--steps", "3", "--out", "tuned")
            let manifest = try String(contentsOfFile: place.path("tuned/manifest.json"), encoding: .utf8)
            #expect(manifest.contains("diffusers from 999") && manifest.contains("dpm"), "\(manifest)")
        }
    }

    @Test func aLoRAOfAPixArtIsTrainedFromACache() throws {
        try Self.pixArt { place in
            let encode = ["encode", "text", "pipeline", "captioned/train", "--length", "120", "--out"]
            try place.succeed(encode + ["plain"])
            try place.succeed(encode + ["cleaned", "--cleaning", "published"])
            let train = [
                "train", "tuned.yaml", "--set", "text.encoder=", "--set", "training.train=lora", "--set",
                "training.recompute=true", "--set", "training.preview_every=0", "--set",
            ]
            try place.succeed(train + ["text.cache=cleaned"])
            try place.succeed(
                "sample", "pipeline", "--lora", "runs/tuned", "--prompt", "a red ring", "--steps", "2", "--out", "a.png"
            )
            // Blocks that are computed again give the same weights.
            try place.succeed(
                train + ["text.cache=cleaned", "--set", "name=kept", "--set", "training.recompute=false"])
            let files = try ["tuned", "kept"].map {
                try SafetensorsFile(path: place.path("runs/\($0)/step-0000004/denoiser.safetensors"))
            }
            #expect(try files[0].names.allSatisfy { try files[0].tensor($0).values == files[1].tensor($0).values })
        }
    }

    @Test func whatDoesNotFitAPixArtIsRefused() throws {
        try Self.pixArt { place in
            for (settings, words) in [
                (["space=pixel", "latent.vae=", "latent.check_scale=true"], ["space", "3 channels", "latent"]),
                (["text.length=77"], ["text.length", "120"]),
                (["text.encoder="], ["text.encoder", "captions"]),
                (["training.target=picture"], ["training.target", "noise"]),
                (["training.time_shift=3"], ["training.time_shift", "noise"]),
                (["model.hidden_size=64"], ["model.hidden_size", "from"]),
                (["few_steps.method=meanflow"], ["few_steps", "model.architecture"]),
                (["from="], ["model.architecture", "from is empty"]),
                (["latent.vae=\(Fixtures.path("autoencoder/sdxl"))"], ["0.18215"]),
            ] {
                try place.refuse(
                    ["train", "tuned.yaml", "--set", "name=none"] + settings.flatMap { ["--set", $0] }, naming: words)
            }
            try place.refuse(
                "train", "tuned.yaml", "--set", "from=\(Fixtures.path("dit/tiny.pt"))", naming: ["tiny.pt", "PixArt"])
            #expect(!place.exists("runs/none"))
        }
    }

    /// A model of classes is trained on without its sizes, on as many classes.
    @Test func aModelOfClassesIsTrainedOnAsItIs() throws {
        try Workplace.with { place in
            try place.train()
            try place.write(
                """
                name: more
                directory: runs
                from: runs/tiny
                model: {architecture: from}
                data: {root: shapes, image_size: 16}
                training: {steps: 2, batch_size: 4, preview_every: 0}
                """, to: "more.yaml")
            try place.succeed("train", "more.yaml")
            let runs = try ["tiny", "more"].map {
                try DenoiserCheckpoint(path: place.path("runs/\($0)")).architecture(.ema)
            }
            #expect(runs[0].isSame(as: runs[1]))
            try FileManager.default.copyItem(
                atPath: place.path("shapes/ring"), toPath: place.path("shapes/zebra"))
            try place.refuse(
                "train", "more.yaml", "--set", "name=wider", naming: ["model.architecture", "8 classes", "9"])
        }
    }

    @Test(arguments: ["from", "minit2i"]) func aMiniT2IIsTrained(source: String) throws {
        try Workplace.with { place in
            let model = Fixtures.path("minit2i/minit2i-b")
            try T5Fixtures.copyModel(.flan, to: place.path("flan"))
            try T5Fixtures.writeTokenizer(.flan, "spiece.model", to: place.path("flan"))
            try place.succeed("dataset", "shapes", "--captions", "--out", "captioned", "--count", "8", "--size", "32")
            let own = try #require(DenoiserCheckpoint(path: model).architecture(.raw) as? MiniT2IArchitecture)
            try place.write(
                Self.miniT2I.replacing("LENGTH", with: "\(own.textLength)"), to: "mini.yaml")
            let settings =
                source == "from"
                ? ["from=\(model)"]
                : [
                    "model.architecture=minit2i", "model.hidden_size=16", "model.num_groups=2", "model.num_blocks=2",
                    "model.num_text_blocks=1", "model.patch_size=8", "text.length=12",
                ]
            try place.succeed(["train", "mini.yaml"] + settings.flatMap { ["--set", $0] })
            let trained = try DenoiserCheckpoint(path: place.path("runs/mini"))
            let architecture = try #require(trained.architecture(.raw) as? MiniT2IArchitecture)
            #expect(source == "from" ? architecture.isSame(as: own) : architecture.hiddenSize == 16)
            #expect(try trained.prediction(of: architecture).noiseScale == 2)
            try place.succeed(
                "sample", "runs/mini", "--prompt", "a red ring", "--seeds", "1", "--steps", "2", "--out", "a.png")
            guard source == "from" else { return }
            try place.refuse(
                "train", "mini.yaml", "--set", "from=\(model)", "--set", "name=none", "--set",
                "training.noise_scale=1", naming: ["from", "noise"])
        }
    }
}

extension Workplace {
    /// A pipeline of PixArt-alpha with a small T5 and a small autoencoder, in `pipeline`.
    @discardableResult
    func makePixArtPipeline(_ name: String = "PixArtAlphaPipeline") throws -> String {
        let (path, files) = (path("pipeline"), FileManager.default)
        try files.createDirectory(atPath: path, withIntermediateDirectories: true)
        try Data("{\"_class_name\": \"\(name)\"}".utf8).write(to: URL(fileURLWithPath: "\(path)/model_index.json"))
        try files.copyItem(atPath: Fixtures.path("pixart/alpha-1024-ms"), toPath: "\(path)/transformer")
        try T5Fixtures.copyModel(.plain, to: "\(path)/text_encoder")
        try T5Fixtures.writeTokenizer(.plain, "spiece.model", to: "\(path)/tokenizer")
        try files.copyItem(atPath: Fixtures.path("autoencoder/sd"), toPath: "\(path)/vae")
        return path
    }
}
