import Foundation
import PixNerdCheckpoints
import PixNerdLayers
import PixNerdModels
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Sizes and names of the text-to-image PixNerd.
@Suite struct TextPixNerdArchitectureTests {
    private func source(_ prefix: String = "ema_denoiser.") throws -> TensorSubset {
        TensorSubset(try TensorFile.open(path: TextPixNerdTests.path), prefix: prefix)
    }

    @Test func sizesAreReadOffTheTensors() throws {
        let expected = try TextPixNerdArchitecture(
            hiddenSize: 16, heads: 2, encoderBlocks: 2, decoderBlocks: 2, textBlocks: 1, patchSize: 8, fieldWidth: 6,
            textWidth: 24, textLength: 16)
        let architecture = try KnownDenoisers.architecture(of: source())
        #expect(architecture.isSame(as: expected))
        #expect(architecture.takesText && architecture.decodesFields && architecture.tokenBlocks == 2)
        let model = try TextPixNerdTests.model()
        #expect(model.parameterCount == expected.parameterCount)
        let json = try JSONEncoder().encode(expected)
        #expect(try JSONDecoder().decode(TextPixNerdArchitecture.self, from: json) == expected)
    }

    /// 1,171,518,019 parameters in 256 tensors, and 768 billion multiply-adds at 512 x 512: 686 of the blocks.
    @Test func publishedSizes() throws {
        let large = try TextPixNerdArchitecture(preset: "XXL/16")
        #expect(large.parameterCount == 1_171_518_019)
        #expect(abs(Double(large.multiplyAdds(height: 512, width: 512)) / 768e9 - 1) < 0.01)
        #expect(abs(Double(large.multiplyAdds(height: 256, width: 256)) / 205e9 - 1) < 0.01)
        #expect(throws: PixNerdError.self) { try TextPixNerdArchitecture(preset: "XL/16") }
        func activations(recompute: Bool, _ precision: Precision) -> Int {
            large.activationBytes(batch: 1, height: 512, width: 512, recompute: recompute, precision: precision)
        }
        // The inputs of 16 blocks of 1,024 tokens and of 4 blocks of 128 rows, 104 MB, are kept in any case.
        #expect(activations(recompute: true, .bf16) > 104_000_000)
        #expect(activations(recompute: true, .fp32) > activations(recompute: true, .bf16))
        #expect(activations(recompute: false, .fp32) > 3 * activations(recompute: true, .fp32))
    }

    @Test func freshWeightsHaveThePublishedNamesAndDistributions() throws {
        let architecture = try TextPixNerdTests.model().architecture
        let model = TextPixNerd(architecture, seed: 4)
        #expect(Set(model.parameters.map(\.name)) == Set(try source().names))
        func values(_ name: String) throws -> [Double] {
            try #require(model.parameters.first { $0.name == name }).value.values.map(Double.init)
        }
        func deviation(_ name: String) throws -> Double {
            let values = try values(name)
            return (values.reduce(0) { $0 + $1 * $1 } / Double(values.count)).squareRoot()
        }
        for name in ["final_layer.linear.weight", "final_layer.linear.bias", "s_embedder.proj.bias"] {
            #expect(try values(name).allSatisfy { $0 == 0 }, "\(name)")
        }
        #expect(try values("text_refine_blocks.0.attn.q_norm.weight").allSatisfy { $0 == 1 })
        #expect(abs(try deviation("y_pos_embedding") - 1) < 0.2)
        #expect(abs(try deviation("t_embedder.mlp.0.weight") / 0.02 - 1) < 0.1)
        // Modulation begins as any linear layer does, uniform within 1 / sqrt(D); patches with Glorot's bound.
        #expect(abs(try deviation("blocks.1.adaLN_modulation.0.weight") / (0.25 / 3.squareRoot()) - 1) < 0.1)
        #expect(abs(try deviation("s_embedder.proj.weight") / (2 / Double(192 + 16)).squareRoot() - 1) < 0.1)
    }

    /// A tensor that is missing, one too many, or one of another shape is named, whatever else is read off it.
    @Test(arguments: [
        "y_embedder.norm.weight", "blocks.1.attn.kv_y.weight", "text_refine_blocks.0.mlp.w12.weight",
        "blocks.3.norm.weight", "s_embedder.proj.weight", "final_layer.linear.weight", "y_embedder.proj.weight",
        "blocks.0.attn.q_norm.weight", "x_embedder.embedder.0.weight", "blocks.2.param_generator1.0.weight",
    ])
    func whatDoesNotFitIsNamed(name: String) throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/part.safetensors"
            func refusal(_ change: (String, Tensor) -> [(String, Tensor)]) throws -> String {
                let source = try source()
                try SafetensorsWriter.write(
                    source.names.flatMap { change($0, try! source.tensor($0)) }, metadata: [:], to: path)
                do {
                    _ = try DenoiserCheckpoint(path: path).load(.ema)
                    return ""
                } catch { return "\(error)" }
            }
            let missing = try refusal { $0 == name ? [] : [($0, $1)] }
            #expect(missing.contains(name) && missing.contains("part.safetensors"), "\(missing)")
            let misshapen = try refusal { [($0, $0 == name ? $1.reshaped([$1.count, 1, 1]) : $1)] }
            #expect(misshapen.contains(name) && misshapen.contains("part.safetensors"), "\(misshapen)")
            let leftOver = try refusal { $0 == name ? [($0, $1), ("odd", $1)] : [($0, $1)] }
            #expect(leftOver.contains("odd"), "\(leftOver)")
        }
    }

    @Test func impossibleSizesAreRefused() {
        func refuses(_ make: () throws -> TextPixNerdArchitecture, _ name: String) {
            let error = #expect(throws: PixNerdError.self) { try make() }
            #expect(error?.description.contains(name) == true, "\(String(describing: error))")
        }
        refuses({ try TextPixNerdArchitecture(hiddenSize: 30, heads: 4) }, "hidden_size")
        refuses({ try TextPixNerdArchitecture(decoderBlocks: 0) }, "num_decoder_blocks")
        refuses({ try TextPixNerdArchitecture(textLength: 0) }, "txt_max_length")
        refuses({ try TextPixNerdArchitecture(textWidth: 1 << 40) }, "txt_embed_dim")
    }
}
