import PixNerdCheckpoints
import PixNerdInspection
import PixNerdModels
import PixNerdOptimization
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Comparison of a text-to-image checkpoint with PyTorch's results.
@Suite struct TextReferenceTests {
    private func check(_ name: String, checkpoint: String = "model.ckpt") throws -> ReferenceCheck {
        ReferenceCheck(
            checkpoint: try DenoiserCheckpoint(path: Fixtures.path("t2i/\(checkpoint)")),
            reference: try SafetensorsFile(path: name.contains("/") ? name : Fixtures.path("t2i/\(name).safetensors")),
            tolerance: 1e-4)
    }

    @Test(arguments: ["forward_16x16", "forward_16x40", "forward_24x32_field", "forward_8x12_field"])
    func velocitiesAgreeByBothRoutes(name: String) throws {
        let check = try check(name)
        let average = try check.velocity(.ema)
        #expect(average.passes, "\(average)")
        #expect(try !check.velocity(.raw).passes)
    }

    @Test func aClippedRunAgrees() throws {
        let check = try check("training", checkpoint: "model.safetensors")
        let settings = AdamW.Settings(learningRate: 1e-3, beta2: 0.95)
        let results = try check.training(settings, gradientClip: 1, averageDecay: 0.99, layer: 1)
        #expect(results.filter { !$0.passes }.isEmpty, "\(results.filter { !$0.passes })")
        let names = Set(results.map(\.name))
        let expected = ["train.gradient_norm", "train.align", "grad.denoiser.blocks.1.attn.kv_y.weight"]
        #expect(names.isSuperset(of: expected + ["final.ema_denoiser.y_embedder.proj.weight", "final.proj.0.0.bias"]))
        // Without clipping the weights differ.
        let other = try check.training(settings, averageDecay: 0.99, layer: 1).filter { !$0.passes }
        #expect(other.contains { $0.name.hasPrefix("final.") })
    }

    @Test(arguments: [
        (["route": "field", "encoder_size": "16x12"], "encoder_size is '16x12'"),
        (["route": "field"], "encoder_size is ''"), (["route": "field", "encoder_size": "12x12"], "multiples of 8"),
        (["route": "field", "encoder_size": "99999999999999999999x1"], "encoder_size"),
        (["route": "other"], "route is 'other'"),
    ])
    func routesThatAreNoneAreRefused(metadata: [String: String], message: String) throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/reference.safetensors"
            let file = try SafetensorsFile(path: Fixtures.path("t2i/forward_16x16.safetensors"))
            try SafetensorsWriter.write(file.names.map { ($0, try file.tensor($0)) }, metadata: metadata, to: path)
            expectSentence(sentence { _ = try check(path).velocity(.ema) }, naming: [path, message])
        }
    }
}
