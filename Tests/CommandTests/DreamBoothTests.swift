import Foundation
import PixNerdModels
import PixNerdTestSupport
import Testing

/// `pixnerd dreambooth`, and the run that it makes.
@Suite struct DreamBoothTests {
    /// A trained run, and three pictures of something else.
    private static func with(_ body: (Workplace) throws -> Void) throws {
        try Workplace.with { place in
            try place.train()
            try place.succeed("dataset", "shapes", "--out", "more", "--per-class", "3", "--size", "16", "--seed", "9")
            let source = try #require(place.names(in: "more").first)
            try FileManager.default.copyItem(atPath: place.path("more/\(source)"), toPath: place.path("few"))
            try body(place)
        }
    }

    private static let command = [
        "dreambooth", "runs/tiny", "--pictures", "few", "--class", "kite", "--steps", "4", "--prior", "9",
        "--measured", "2",
    ]

    @Test(arguments: ["lora", "rows", "all"])
    func aClassIsAdded(train: String) throws {
        try Self.with { place in
            let known = try #require(DenoiserCheckpoint(path: place.path("runs/tiny")).classNames)
            let before = try place.names(in: "runs/tiny")
            let outcome = try place.succeed(Self.command + ["--train", train, "--like", known[1], "--real", "more"])
            #expect(try place.names(in: "runs/tiny") == before)
            for words in ["old classes", "to real images", "new class", "half of each batch", "new kite"] {
                #expect(outcome.output.contains(words), "\(words): \(outcome.output)")
            }
            #expect(place.exists("runs/tiny-kite/dreambooth.png") && place.exists("runs/tiny-kite/dreambooth.json"))
            let checkpoint = try DenoiserCheckpoint(path: place.path("runs/tiny-kite"))
            #expect(checkpoint.classNames == known + ["kite"])
            #expect(place.exists("runs/tiny-kite/latest/lora/adapter_model.safetensors") == (train == "lora"))
            try place.succeed(
                "sample", "runs/tiny-kite", "--classes", "kite", "--seeds", "1", "--steps", "2", "--out", "kite.png")
            // What only has rows leaves the others as they are.
            let old = ["--classes", known[0], "--seeds", "3", "--steps", "2"]
            try place.succeed(["sample", "runs/tiny", "--out", "a.safetensors"] + old)
            try place.succeed(["sample", "runs/tiny-kite", "--out", "b.safetensors"] + old)
            let isSame = try place.floats("a.safetensors").values == place.floats("b.safetensors").values
            #expect(isSame == (train == "rows"))
            // The finished run is measured again, and nothing is made anew.
            let files = try place.names(in: "runs/tiny-kite-pictures/\(known[0])")
            try place.succeed(Self.command + ["--train", train, "--like", known[1], "--resume"])
            #expect(try place.names(in: "runs/tiny-kite-pictures/\(known[0])") == files)
        }
    }

    @Test func aFileIsTaught() throws {
        try Self.with { place in
            try place.succeed("convert", "runs/tiny", "tiny.safetensors", "--weights", "ema")
            var command = Self.command
            command[1] = "tiny.safetensors"
            try place.succeed(command + ["--prior", "0", "--set", "directory=runs"])
            let checkpoint = try DenoiserCheckpoint(path: place.path("runs/tiny-kite"))
            #expect(checkpoint.classNames?.last == "kite")
        }
    }

    @Test func whatDoesNotFitIsRefused() throws {
        try Self.with { place in
            let known = try #require(DenoiserCheckpoint(path: place.path("runs/tiny")).classNames)
            func changed(_ option: String, _ value: String) -> [String] {
                var command = Self.command
                command[command.firstIndex(of: option)! + 1] = value
                return command
            }
            try place.refuse(changed("--class", known[0]), naming: ["has the class '\(known[0])' already", "--class"])
            try place.refuse(changed("--class", "a/b"), naming: ["--class", "a/b"])
            try place.refuse(changed("--pictures", "nowhere"), naming: ["nowhere"])
            try place.refuse(Self.command + ["--like", "unicorn"], naming: ["--like", "'unicorn'"])
            #expect(!place.exists("runs/tiny-kite"))
            try place.makeFolder("runs/tiny-kite")
            try place.refuse(Self.command, naming: ["runs/tiny-kite already exists", "--resume", "--name"])
        }
    }

    /// A model of texts learns a prompt with a rare word, beside images of prompts without it.
    @Test(arguments: ["joint_attention", "cross_attention"]) func aModelOfTextsLearnsAPrompt(kind: String) throws {
        try Workplace.with { place in
            try place.prepareCaptions()
            try place.succeed("train", "words.yaml", "--set", "model.conditioning=\(kind)")
            try place.succeed("dataset", "shapes", "--out", "more", "--per-class", "3", "--size", "16", "--seed", "9")
            let command = [
                "dreambooth", "runs/words", "--pictures", "more/ring", "--prompt", "a sks ring", "--class-prompt",
                "a ring", "--class-prompt", "a star", "--steps", "4", "--prior", "6", "--measured", "2",
            ]
            let outcome = try place.succeed(command)
            for words in ["other prompts", "new prompt", "half of each batch", "--prompt 'a sks ring'"] {
                #expect(outcome.output.contains(words), "\(words): \(outcome.output)")
            }
            let folder = "runs/words-a-sks-ring-pictures"
            #expect(try place.names(in: folder) == ["a ring", "a sks ring", "a star"])
            #expect(try place.names(in: "\(folder)/a star").count == 3)
            let run = "runs/words-a-sks-ring"
            #expect(
                place.exists("\(run)/dreambooth.png") && place.exists("\(run)/latest/lora/adapter_model.safetensors"))
            try place.succeed("sample", run, "--prompt", "a sks ring", "--steps", "2", "--out", "ring.png")
            try place.succeed(command + ["--resume"])
            // Its configuration trains the same run anew.
            try place.succeed("train", "\(run)/config.yaml", "--set", "name=anew", "--set", "training.steps=2")
        }
    }

    @Test func whatDoesNotFitAModelOfTextsIsRefused() throws {
        try Workplace.with { place in
            try place.prepareCaptions()
            try place.succeed("train", "words.yaml")
            try place.train()
            func refuse(_ model: String, _ arguments: [String], naming: [String]) throws {
                try place.refuse(
                    ["dreambooth", model, "--pictures", "captioned", "--steps", "2"] + arguments, naming: naming)
            }
            let prompts = ["--prompt", "a sks ring", "--class-prompt", "a ring"]
            try refuse("runs/words", ["--class", "ring", "--class-prompt", "a ring"], naming: ["--class", "--prompt"])
            try refuse("runs/words", ["--prompt", "a sks ring"], naming: ["--class-prompt"])
            try refuse("runs/words", prompts + ["--like", "ring"], naming: ["--like", "texts"])
            try refuse("runs/words", prompts + ["--train", "rows"], naming: ["rows", "lora"])
            try refuse("runs/words", prompts + ["--real", "captioned"], naming: ["--real", "texts"])
            try refuse(
                "runs/words", ["--prompt", "a ring", "--class-prompt", "a ring"],
                naming: ["--class-prompt", "rare word"])
            try refuse("runs/words", ["--prompt", "a/b", "--class-prompt", "a"], naming: ["--prompt", "a/b"])
            try refuse("runs/tiny", prompts, naming: ["--class-prompt", "classes"])
            try refuse("runs/tiny", ["--prompt", "a sks ring"], naming: ["--prompt", "--class"])
            try refuse("runs/tiny", ["--class", "a", "--prompt", "b"], naming: ["Both", "--class", "--prompt"])
            try refuse("runs/tiny", [], naming: ["Neither", "--class", "--prompt"])
            #expect(!place.exists("runs/words-a-sks-ring") && !place.exists("runs/words-a-sks-ring-pictures"))
        }
    }
}
