import Foundation
import PixNerdCheckpoints
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// `pixnerd train` on captions, `encode text`, and what is sampled from such a run.
@Suite struct TextTrainTests {
    @Test func sampleFindsTheEncoderOfARun() throws {
        try Workplace.with { place in
            try place.prepareCaptions()
            let trained = try place.succeed("train", "words.yaml").output
            #expect(trained.contains("12 with captions") && trained.contains("10 tokens"), "\(trained)")
            #expect(trained.contains("pixnerd sample runs/words --prompt 'a text like the captions'"), "\(trained)")
            let all = ["sample", "runs/words", "--prompt", "a red ring", "--seeds", "1", "--steps", "3"]
            try place.succeed(all + ["--out", "found.safetensors"])
            try place.succeed(all + ["--text-encoder", TextFixture.encoder, "--out", "given.safetensors"])
            #expect(try place.bytes("found.safetensors") == place.bytes("given.safetensors"))
            // Another one is refused, or taken on purpose.
            try place.succeed(
                "text-encoder", "init", "other", "--hidden-size", "24", "--heads", "2", "--tokens", "488")
            let other = all + ["--text-encoder", "other", "--out", "other.safetensors"]
            try place.refuse(
                other, naming: ["other is not the text encoder", "was trained with", "--text-encoder-override"])
            try place.succeed(other + ["--text-encoder-override"])
            #expect(try place.bytes("other.safetensors") != place.bytes("given.safetensors"))
            // The encoder has moved.
            try FileManager.default.moveItem(atPath: place.path("encoder"), toPath: place.path("moved"))
            try place.refuse(all + ["--out", "lost.safetensors"], naming: ["encoder"])
            try place.succeed(all + ["--text-encoder", "moved", "--out", "moved.safetensors"])
            #expect(try place.bytes("moved.safetensors") == place.bytes("given.safetensors"))
        }
    }

    @Test func aRunFromACacheNeedsNoEncoder() throws {
        try Workplace.with { place in
            try place.prepareCaptions()
            let encode = [
                "encode", "text", "encoder", "captioned/train", "--length", "10", "--out", "text", "--batch", "5",
            ]
            let first = try place.succeed(encode)
            #expect(first.errors.contains("12 captions"), "\(first.errors)")
            let again = try place.succeed(encode).output
            #expect(again.contains("are in text, 0 of them new."))
            try FileManager.default.moveItem(atPath: place.path("encoder"), toPath: place.path("moved"))
            try place.succeed("train", "words.yaml", "--set", "text.encoder=", "--set", "text.cache=text")
            try place.succeed(
                "sample", "runs/words", "--text-encoder", "moved", "--prompt", "a red ring", "--seeds", "1", "--steps",
                "2", "--out", "a.png")
            try place.refuse(
                "train", "words.yaml", "--set", "name=short", "--set", "text.encoder=", "--set", "text.cache=text",
                "--set", "text.length=8", naming: ["text holds captions for text.length 10", "is 8"])
            try place.refuse(
                "encode", "text", "moved", "captioned/train", "--length", "8", "--out", "text",
                naming: ["text holds text of another encoder"])
            try place.write("longer than ten tokens are the words of this line, which are cut\n", to: "more.txt")
            let cut = try place.succeed(
                "encode", "text", "moved", "captioned/train", "--length", "10", "--out", "more", "--prompts", "more.txt"
            )
            #expect(cut.errors.contains("of more than 10 tokens will be cut"), "\(cut.errors)")
            try place.refuse(
                "encode", "text", "moved", "missing", "--out", "none", naming: ["missing"])
        }
    }

    /// Captions that are no UTF-8, and images without one.
    @Test func captionsThatCannotBeTrainedOn() throws {
        try Workplace.with { place in
            try place.prepareCaptions()
            let broken = place.path("captioned/train/000004.txt")
            try Data([0x61, 0xFC]).write(to: URL(fileURLWithPath: broken))
            let train = ["train", "words.yaml"]
            let encode = ["encode", "text", "encoder", "captioned/train", "--out", "text"]
            for command in [train, encode] { try place.refuse(command, naming: ["000004.txt", "UTF-8"]) }
            try FileManager.default.removeItem(atPath: broken)
            for command in [train, encode] { try place.refuse(command, naming: ["000004.png", "caption"]) }
            try place.succeed(train + ["--set", "data.skip_uncaptioned=true"])
            try place.succeed(encode + ["--skip-uncaptioned"])
            #expect(try place.names(in: "text").contains("text.json"))
        }
    }

    @Test(.enabled(if: mpirun != nil, "Open MPI's mpirun is not installed"), arguments: [false, true])
    func anyNumberOfRanksFollowsOneProcess(isCached: Bool) throws {
        try Workplace.with { place in
            try place.prepareCaptions()
            if isCached {
                try place.succeed("encode", "text", "encoder", "captioned/train", "--length", "10", "--out", "text")
            }
            func arguments(_ name: String, _ settings: String...) -> [String] {
                let all = [
                    "name=\(name)", "threads=1", "training.steps=12", "training.batch_size=6", "training.save_every=6",
                    "training.gradient_clip=0.5", "training.label_dropout=0.3", "training.preview_every=12",
                    "sampling.steps=2",
                ]
                let cache = isCached ? ["text.cache=text"] : []
                return ["train", "words.yaml"] + (all + cache + settings).flatMap { ["--set", $0] }
            }
            try place.succeed(arguments("one"))
            let expected = try place.losses("one")
            #expect(expected.count == 12)
            for ranks in [2, 3] {
                let name = "ranks\(ranks)"
                try place.succeed(ranks: ranks, arguments(name, "training.shard_optimizer=\(ranks == 3)"))
                let losses = try place.losses(name)
                #expect(losses.count == 12)
                // Only the rounding of sums differs.
                let differences = zip(losses, expected).map { abs($0 - $1) / $1 }
                #expect(differences.allSatisfy { $0 < 1e-4 }, "\(name): \(differences.max() ?? .nan)")
            }
        }
    }

    /// The unconditional loss is lower with the rows of training.
    @Test(arguments: ["sees-nothing", "sees-padding"])
    func theConventionOfTrainingIsFound(convention: String) throws {
        try Workplace.with { place in
            try place.prepareCaptions(48)
            let settings = [
                "text.empty_prompt=\(convention)", "text.length=20", "training.label_dropout=0.5", "training.steps=500",
                "training.learning_rate=4e-3", "training.batch_size=16", "training.save_every=500",
                "training.log_every=500",
            ]
            try place.succeed(["train", "words.yaml"] + settings.flatMap { ["--set", $0] })
            let output = try place.succeed(
                "detect-empty-prompt", "runs/words", "captioned/train", "--count", "48"
            ).output
            #expect(output.contains("Trained with \(convention)"), "\(output)")
            #expect(output.contains("--empty-prompt \(convention)"))
            // It is what `sample` takes anyway.
            let all = ["sample", "runs/words", "--prompt", "a red ring", "--seeds", "1", "--steps", "2"]
            try place.succeed(all + ["--out", "a.safetensors"])
            try place.succeed(all + ["--empty-prompt", convention, "--out", "b.safetensors"])
            #expect(try place.bytes("a.safetensors") == place.bytes("b.safetensors"))
        }
    }

    @Test func whatHasNoConventionIsRefused() throws {
        try Workplace.with { place in
            try place.prepareCaptions()
            let sized = ["--size", "16"]
            try place.refuse(
                ["detect-empty-prompt", TextFixture.model, "captioned/train"] + sized,
                naming: ["model.safetensors does not say which text encoder", "--text-encoder"])
            try place.refuse(
                ["detect-empty-prompt", TextFixture.classModel, "captioned/train"] + sized,
                naming: ["is conditioned on classes"])
            try place.refuse(
                ["detect-empty-prompt", TextFixture.model, "missing", "--text-encoder", "encoder"] + sized,
                naming: ["missing"])
            try place.refuse(
                [
                    "detect-empty-prompt", TextFixture.model, "captioned/train", "--text-encoder", "encoder", "--count",
                    "1",
                ],
                naming: ["--count is 1"])
            let output = try place.succeed(
                ["detect-empty-prompt", TextFixture.model, "captioned/train", "--text-encoder", "encoder"] + sized
            ).output
            #expect(output.contains("sees-nothing  loss") && output.contains("sees-padding  loss"))
        }
    }
}
