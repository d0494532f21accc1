import PixNerdTestSupport
import Testing

/// Text encoders from the command line: info, verify, and made with random weights.
@Suite struct TextEncoderTests {
    private let encoder = Fixtures.path("t2i/qwen3")
    private let reference = Fixtures.path("t2i/text.safetensors")

    @Test func aGoodEncoderAgrees() throws {
        try Workplace.with { place in
            let output = try place.succeed("verify", encoder, reference).output
            for name in ["hidden", "empty_sees_nothing", "empty_sees_all"] { #expect(output.contains("\n\(name) ")) }
            #expect(output.hasSuffix("All 3 agree.\n"))
        }
    }

    @Test func anotherEncoderDoesNotAgree() throws {
        try Workplace.with { place in
            try place.succeed(
                "text-encoder", "init", "other", "--hidden-size", "24", "--heads", "2", "--tokens", "488")
            let outcome = try place.run("verify", "other", reference)
            #expect(outcome.isExit && outcome.status == 1 && outcome.output.contains("too far"))
            try place.succeed("text-encoder", "init", "wide", "--hidden-size", "32", "--tokens", "488")
            try place.refuse("verify", "wide", reference, naming: ["hidden has the shape", "an encoder of width 32"])
            try place.refuse("verify", "missing", reference, naming: ["there is no text encoder missing"])
        }
    }

    @Test func anEncoderIsDescribed() throws {
        try Workplace.with { place in
            let text = try place.succeed("info", encoder).output
            for part in [
                "model.safetensors", "width 24, depth 2, heads 4 of 8, key heads 2", "488 tokens", "fingerprint",
                "one prompt", "128 tokens", "model.layers.*.mlp.up_proj.weight",
            ] {
                #expect(text.contains(part), "\(part) in \(text)")
            }
            let json = try place.succeed("info", encoder, "--json").output
            #expect(json.contains("\"hidden_size\" : 24") && json.contains("\"multiply_adds\""))
            try place.refuse("info", encoder, "--size", "32", naming: ["--size is of images"])
        }
    }

    @Test func anEncoderIsMade() throws {
        try Workplace.with { place in
            let output = try place.succeed("text-encoder", "init", "encoder").output
            #expect(output.contains("width 128") && output.contains("is in encoder."))
            #expect(
                try place.names(in: "encoder")
                    == ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"])
            let text = try place.succeed("info", "encoder").output
            #expect(text.contains("width 128, depth 2, heads 4 of 32, key heads 4") && !text.contains("not usable"))
            try place.refuse("text-encoder", "init", "encoder", naming: ["encoder is a folder with files in it"])
            // The same seed gives the same bytes, another one does not.
            try place.succeed("text-encoder", "init", "again")
            try place.succeed("text-encoder", "init", "other", "--seed", "1")
            for name in try place.names(in: "encoder") {
                #expect(try place.bytes("again/\(name)") == place.bytes("encoder/\(name)"))
            }
            #expect(try place.bytes("other/model.safetensors") != place.bytes("encoder/model.safetensors"))
        }
    }

    @Test func captionsOfAFileAreLearned() throws {
        try Workplace.with { place in
            try place.write(Array(repeating: "zyzzyva quixotically", count: 9).joined(separator: "\n"), to: "lines.txt")
            try place.succeed("text-encoder", "init", "encoder", "--captions", "lines.txt", "--tokens", "400")
            let tokenizer = try #require(String(bytes: try place.bytes("encoder/tokenizer.json"), encoding: .utf8))
            #expect(tokenizer.contains("zyzzyva"))
            try place.write("\n\n", to: "empty.txt")
            try place.refuse(
                "text-encoder", "init", "b", "--captions", "empty.txt", naming: ["empty.txt has no captions"])
            try place.refuse("text-encoder", "init", "b", "--captions", "missing", naming: ["missing"])
            #expect(!place.exists("b"))
        }
    }

    @Test func impossibleSizesAreRefused() throws {
        try Workplace.with { place in
            for (options, problem) in [
                (["--hidden-size", "0"], "--hidden-size is 0"),
                (["--hidden-size", "10"], "a multiple of twice --heads"),
                (["--key-heads", "3"], "it must divide --heads, 4"), (["--head-dim", "7"], "an even number"),
                (["--tokens", "10"], "--tokens is 10"), (["--layers", "100000"], "--layers is 100000"),
            ] {
                let outcome = try place.run(["text-encoder", "init", "encoder"] + options)
                #expect(outcome.isExit && outcome.status == 64 && outcome.errors.contains(problem), "\(outcome.errors)")
            }
            #expect(!place.exists("encoder"))
        }
    }
}
