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
}
