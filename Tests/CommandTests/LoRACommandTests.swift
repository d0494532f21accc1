import Foundation
import PixNerdCheckpoints
import PixNerdModels
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// LoRAs in `sample`, `convert` and `verify`.
@Suite struct LoRACommandTests {
    private static let tiny = Fixtures.path("pixnerd/tiny-checkpoint.safetensors")

    /// A LoRA of rank 2 for the first block's queries, keys and values.
    private static func with(_ body: (Workplace) throws -> Void) throws {
        try Workplace.with { place in
            let shape = try #require(
                DenoiserCheckpoint(path: tiny).tensors(.ema).shape(of: "blocks.0.attn.qkv.weight"))
            func random(_ shape: [Int], _ step: Int) -> Tensor {
                Tensor.normal(shape) { RandomStream(seed: 5, purpose: .test, step: step, index: $0) }
            }
            try SafetensorsWriter.write(
                [
                    ("transformer.blocks.0.attn.qkv.lora_A.weight", random([2, shape[1]], 0)),
                    ("transformer.blocks.0.attn.qkv.lora_B.weight", random([shape[0], 2], 1)),
                ], to: place.path("style.safetensors"))
            try body(place)
        }
    }

    private static func sample(_ checkpoint: String, _ out: String, _ more: String...) -> [String] {
        ["sample", checkpoint, "--out", out, "--size", "8", "--steps", "2", "--seeds", "1", "--classes", "1"] + more
    }

    @Test func aSampleIsMadeWithThem() throws {
        try Self.with { place in
            try place.succeed(Self.sample(Self.tiny, "plain.safetensors"))
            try place.succeed(Self.sample(Self.tiny, "off.safetensors", "--lora", "style.safetensors:0"))
            let made = try place.succeed(
                Self.sample(
                    Self.tiny, "on.safetensors", "--lora", "style.safetensors:0.5", "--lora", "style.safetensors:0.3"))
            #expect(made.errors.contains("does not say its alpha"), "\(made.errors)")
            let plain = try place.floats("plain.safetensors").values
            #expect(try place.floats("off.safetensors").values == plain)
            #expect(try place.floats("on.safetensors").values != plain)
            let manifest = try place.manifest("on.safetensors.json")
            #expect(manifest["adapters"] as? [String] == ["style.safetensors", "style.safetensors"])
            let knobs = try #require(manifest["knobs"] as? [String: Any])
            let adapters = try #require(knobs["adapters"] as? [String])
            #expect(adapters.count == 2 && adapters[0].hasSuffix(" at 0.5") && adapters[1].hasSuffix(" at 0.3"))

            // What convert merges gives the same image.
            try place.succeed(
                "convert", Self.tiny, "merged.safetensors", "--lora", "style.safetensors:0.5", "--lora",
                "style.safetensors:0.3")
            try place.succeed(Self.sample("merged.safetensors", "merged-on.safetensors"))
            #expect(
                try relativeError(
                    place.floats("merged-on.safetensors").values, place.floats("on.safetensors").values) < 1e-5)
        }
    }

    @Test func verifyTakesThem() throws {
        try Workplace.with { place in
            // The inputs are those of the file that is named after the model.
            for name in ["alpha-1024-ms", "alpha-1024-ms_square.safetensors"] {
                try FileManager.default.copyItem(atPath: Fixtures.path("pixart/\(name)"), toPath: place.path(name))
            }
            let output = try SafetensorsFile(path: Fixtures.path("lora/alpha.safetensors")).tensor("output")
            try SafetensorsWriter.write([("output", output)], to: place.path("lora.safetensors"))
            let lora = Fixtures.path("lora/kohya.safetensors")
            let command = ["verify", "alpha-1024-ms", "lora.safetensors", "--lora"]
            #expect(try place.succeed(command + [lora]).output.contains("All 1 agree."))
            let weak = try place.run(command + ["\(lora):0.9"])
            #expect(weak.isExit && weak.status == 1 && weak.output.contains("too far"))
        }
    }

    @Test func whatDoesNotFitIsRefused() throws {
        try Self.with { place in
            try place.refuse(
                Self.sample(Self.tiny, "a.png", "--lora", Fixtures.path("lora/peft")),
                naming: ["adapter_model.safetensors", "tiny-checkpoint", "another model"])
            try place.refuse(
                Self.sample(Self.tiny, "a.png", "--lora", "style.safetensors:much"), naming: ["--lora", "'much'"])
            try place.refuse(
                Self.sample(Self.tiny, "style.safetensors", "--overwrite", "--lora", "style.safetensors"),
                naming: ["style.safetensors"])
            let both = try place.run(
                "convert", Self.tiny, "b.safetensors", "--weights", "both", "--lora", "style.safetensors")
            #expect(both.isExit && both.status == 64 && both.errors.contains("--weights is both"))
            #expect(!place.exists("a.png") && !place.exists("b.safetensors"))
        }
    }
}
