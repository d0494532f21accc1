import Foundation
import PixNerdCheckpoints
import PixNerdTestSupport
import Testing

/// The commands that take a text encoder, with a T5.
@Suite struct T5Tests {
    private func withPipeline(_ body: (Workplace) throws -> Void) throws {
        try Workplace.with { place in
            try T5Fixtures.copyModel(.flan, to: place.path("pipeline/text_encoder"))
            try T5Fixtures.writeTokenizer(.flan, "spiece.model", to: place.path("pipeline/tokenizer"))
            try body(place)
        }
    }

    @Test func aT5Agrees() throws {
        try withPipeline { place in
            let reference = T5Fixtures.Encoder.flan.path("states.safetensors")
            #expect(try place.succeed("verify", "pipeline", reference).output.contains("states"))
            let other = T5Fixtures.Encoder.plain.path("states.safetensors")
            try place.refuse("verify", "pipeline", other, naming: ["pipeline"])
            try T5Fixtures.copyModel(.plain, to: place.path("plain"))
            #expect(try place.succeed("verify", "plain", other).output.contains("long_states"))
        }
    }

    @Test func aT5IsDescribed() throws {
        try withPipeline { place in
            for path in ["pipeline", "pipeline/text_encoder"] {
                let text = try place.succeed("info", path).output
                for part in ["T5", "model.safetensors", "width 24", "32 groups of distances up to 128"] {
                    #expect(text.contains(part), "\(text)")
                }
            }
            #expect(try place.succeed("info", "pipeline", "--json").output.contains("\"d_model\" : 24"))
        }
    }

    @Test func tokensAreShown() throws {
        try withPipeline { place in
            let text = try place.succeed("tokenize", "pipeline", "red boat", "--length", "20").output
            #expect(
                text.contains("\" boat\"") && text.contains("\"</s>\"") && text.contains("with the id 0"), "\(text)")
            let cut = try place.succeed("tokenize", "pipeline/text_encoder", "red boat", "--length", "2").output
            #expect(cut.contains("\" boat\"."), "\(cut)")
        }
    }

    @Test func rowsOfPromptsAreWritten() throws {
        try withPipeline { place in
            let arguments = [
                "encode", "prompts", "pipeline", "--prompt", "A red boat", "--prompt", "", "--length", "16",
                "--cleaning",
                "published", "--out", "rows",
            ]
            #expect(try place.succeed(arguments).output.contains("2 of them new"))
            let file = try NpzFile(path: place.path("rows/A-red-boat.npz"))
            #expect(file.shape(of: "caption_feature") == [1, 16, 24] && file.shape(of: "attention_mask") == [1, 16])
            let mask = try file.integers("attention_mask")
            let count = mask.reduce(0, +)
            #expect(count > 2 && count < 16 && mask.prefix(count).allSatisfy { $0 == 1 })
            let rows = try file.tensor("caption_feature").values
            #expect(rows[(count * 24)...].allSatisfy { $0 == 0 } && rows[..<(count * 24)].contains { $0 != 0 })
            #expect(try place.succeed(arguments).output.contains("0 of them new"))
            try place.refuse(arguments + ["--length", "17"], naming: ["rows", "another encoder, length or cleaning"])
            try place.refuse(["encode", "prompts", "pipeline", "--out", "rows"], naming: ["--prompt"])
        }
    }
}
