import PixNerdCheckpoints
import PixNerdTestSupport
import Testing

/// `pixnerd info` and `pixnerd verify` on a text-to-image checkpoint.
@Suite struct TextDenoiserTests {
    private func fixture(_ name: String) -> String { Fixtures.path("t2i/\(name)") }

    @Test(arguments: ["model.safetensors", "model.ckpt"])
    func sizesAreTold(name: String) throws {
        try Workplace.with { place in
            let outcome = try place.succeed("info", fixture(name))
            for part in ["num_text_blocks 1", "txt_embed_dim 24", "txt_max_length 16", "decoder_hidden_size 6"] {
                #expect(outcome.output.contains(part), "\(part) is not in \(outcome.output)")
            }
        }
    }

    @Test(arguments: ["16x16", "16x40", "24x32_field", "8x12_field"])
    func velocitiesAgree(name: String) throws {
        try Workplace.with { place in
            let reference = fixture("forward_\(name).safetensors")
            let outcome = try place.succeed("verify", fixture("model.ckpt"), reference)
            #expect(outcome.output.contains("velocity (ema)") && outcome.output.hasSuffix("All 1 agree.\n"))
            // Those of the other weights.
            #expect(try place.run("verify", fixture("model.ckpt"), reference, "--weights", "raw").status == 1)
        }
    }

    @Test func aRunAgrees() throws {
        try Workplace.with { place in
            let outcome = try place.succeed(
                "verify", fixture("model.safetensors"), fixture("training.safetensors"))
            for part in ["clip_norm 1.0", "beta2 0.95", "train.gradient_norm", "grad.denoiser.y_pos_embedding"] {
                #expect(outcome.output.contains(part), "\(part) is not in \(outcome.output)")
            }
            #expect(!outcome.output.contains("too far"))
        }
    }

    @Test func aReferenceOfAnotherTextIsRefused() throws {
        try Workplace.with { place in
            let file = try SafetensorsFile(path: fixture("forward_16x16.safetensors"))
            let tensors = try file.names.map { name in
                let tensor = try file.tensor(name)
                return (name, name == "y" ? tensor.reshaped([3, 24, 16]) : tensor)
            }
            try SafetensorsWriter.write(tensors, metadata: [:], to: place.path("other.safetensors"))
            try place.refuse(
                "verify", fixture("model.ckpt"), "other.safetensors",
                naming: ["other.safetensors", "y has shape [3, 24, 16]", "[3, 16, 24]"])
            try SafetensorsWriter.write(
                file.names.map { ($0, try file.tensor($0)) }, metadata: ["route": "field", "encoder_size": "16x12"],
                to: place.path("oblong.safetensors"))
            try place.refuse(
                "verify", fixture("model.ckpt"), "oblong.safetensors",
                naming: ["encoder_size is '16x12'", "multiples of 8"])
        }
    }
}
