import Foundation
import PixNerdCheckpoints
import PixNerdImages
import PixNerdTestSupport
import Testing

/// What `pixnerd sample` refuses of texts and their encoders, each in one sentence.
@Suite struct TextSampleRefusalTests {
    private func refuse(
        _ place: Workplace, _ arguments: [String], encoder: String? = TextFixture.encoder, naming needed: [String],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let before = try place.names()
        let given = encoder.map { ["--text-encoder", $0] } ?? []
        try place.refuse(
            ["sample", TextFixture.model, "--out", "out", "--size", "16", "--steps", "1"] + given + arguments,
            naming: needed, sourceLocation: sourceLocation)
        #expect(try place.names() == before, "nothing is left behind", sourceLocation: sourceLocation)
    }

    @Test func encodersThatDoNotFit() throws {
        try Workplace.with { place in
            let prompt = ["--prompt", "a ring"]
            try refuse(
                place, prompt, encoder: nil, naming: ["model.safetensors is conditioned on text", "--text-encoder"])
            try refuse(place, prompt, encoder: "missing", naming: ["missing"])
            try place.succeed("text-encoder", "init", "wide", "--hidden-size", "32", "--tokens", "488")
            try refuse(
                place, prompt, encoder: "wide", naming: ["wide gives rows of width 32", "takes rows of width 24"])
            try place.copyEncoder(to: "cut")
            let tokenizer = try place.bytes("cut/tokenizer.json")
            try tokenizer.prefix(tokenizer.count / 2).write(to: URL(fileURLWithPath: place.path("cut/tokenizer.json")))
            try refuse(place, prompt, encoder: "cut", naming: ["cut/tokenizer.json"])
            try FileManager.default.removeItem(atPath: place.path("cut/tokenizer.json"))
            try refuse(place, prompt, encoder: "cut", naming: ["tokenizer.json"])
            try place.copyEncoder(to: "short")
            let weights = try place.bytes("short/model.safetensors")
            try weights.dropLast(100).write(to: URL(fileURLWithPath: place.path("short/model.safetensors")))
            try refuse(place, prompt, encoder: "short", naming: ["short/model.safetensors"])
            try FileManager.default.removeItem(atPath: place.path("short/config.json"))
            try refuse(place, prompt, encoder: "short", naming: ["short"])
        }
    }

    @Test func aMissingShard() throws {
        try Workplace.with { place in
            try place.copyEncoder(to: "shards")
            let file = try SafetensorsFile(path: place.path("shards/model.safetensors"))
            let index = try JSONSerialization.data(withJSONObject: [
                "metadata": ["total_size": 0],
                "weight_map": Dictionary(
                    uniqueKeysWithValues: file.names.map {
                        ($0, "model-0000\($0.contains("layers.1.") ? 2 : 1)-of-00002.safetensors")
                    }),
            ])
            try index.write(to: URL(fileURLWithPath: place.path("shards/model.safetensors.index.json")))
            try FileManager.default.moveItem(
                atPath: place.path("shards/model.safetensors"),
                toPath: place.path("shards/model-00001-of-00002.safetensors"))
            try refuse(
                place, ["--prompt", "a ring"], encoder: "shards", naming: ["model-00002-of-00002.safetensors"])
        }
    }

    @Test func promptsThatAreNone() throws {
        try Workplace.with { place in
            try refuse(place, [], naming: ["The model takes texts", "--prompt"])
            try refuse(place, ["--classes", "1"], naming: ["--classes is given, but the model takes texts"])
            try refuse(place, ["--prompts", "missing.txt"], naming: ["missing.txt"])
            try place.write("", to: "none.txt")
            try refuse(place, ["--prompts", "none.txt"], naming: ["none.txt"])
            try place.write("\n\r\n\n", to: "empty.txt")
            try refuse(place, ["--prompts", "empty.txt"], naming: ["empty.txt has no text"])
            try Data("a ring\n".utf8 + [0xE9, 0x0A]).write(to: URL(fileURLWithPath: place.path("latin.txt")))
            try refuse(place, ["--prompts", "latin.txt"], naming: ["latin.txt", "line 2 is not UTF-8"])
            try refuse(
                place, ["--prompts", "empty.txt", "--prompt", "a"],
                naming: ["--prompt and --prompts exclude each other"])
            try refuse(place, ["--prompt", "a", "--prompt", "a"], naming: ["--prompt", "same image twice"])
            try refuse(place, ["--prompt", "a", "--seeds", "x"], naming: ["--seeds is 'x'"])
        }
    }

    @Test func classModelsTakeNoTexts() throws {
        try Workplace.with { place in
            let options = [
                ["--prompt", "a"], ["--text-encoder", TextFixture.encoder], ["--negative-prompt", "a"],
                ["--prompts", "p.txt"],
            ]
            try place.write("a\n", to: "p.txt")
            for given in options {
                try place.refuse(
                    ["sample", TextFixture.classModel, "--size", "8", "--steps", "1", "--out", "out"] + given,
                    naming: ["the model takes classes", "--classes"])
            }
            #expect(!place.exists("out"))
        }
    }
}
