import PixNerdCheckpoints
import PixNerdInspection
import PixNerdModels
import PixNerdTestSupport
import Testing

/// Comparison of a MiniT2I with PyTorch's results.
@Suite struct MiniT2ICheckTests {
    private func compared(_ name: String, model: String = "b") throws -> [Comparison] {
        let file = try SafetensorsFile(path: Fixtures.path("minit2i/\(name).safetensors"))
        #expect(MiniT2ICheck.isReference(file))
        return try MiniT2ICheck(
            checkpoint: DenoiserCheckpoint(path: Fixtures.path("minit2i/minit2i-\(model)")), reference: file,
            tolerance: 1e-4
        ).comparisons(.ema)
    }

    @Test(arguments: [("forward-b_32x32", "b", 1), ("forward-l_32x32", "l", 1), ("samples", "b", 9)])
    func resultsAgree(name: String, model: String, count: Int) throws {
        let results = try compared(name, model: model)
        let failed = results.filter { !$0.passes }
        #expect(results.count == count && failed.isEmpty, "\(failed)")
        #expect(results.allSatisfy { !$0.name.hasSuffix(".pixels") || $0.largest <= 1 })
    }

    @Test func aRunOfTrainingAgrees() throws {
        let results = try compared("training")
        let failed = results.filter { !$0.passes }
        #expect(failed.isEmpty, "\(failed)")
        let names = Set(results.map(\.name))
        #expect(names.isSuperset(of: ["loss.floor_0.01", "loss.floor_0.05", "loss.after", "gradient.mask_token"]))
        #expect(names.contains("after.double_blocks.1.txt_attn_proj.weight"))
    }

    /// The sizes of both models fit the file.
    @Test func anotherModelDiffers() throws {
        let results = try compared("forward-l_32x32", model: "b")
        #expect(results.allSatisfy { !$0.passes })
    }

    @Test func anotherKindIsRefused() throws {
        let path = Fixtures.path("minit2i/forward-b_32x32.safetensors")
        let text = sentence {
            _ = try MiniT2ICheck(
                checkpoint: DenoiserCheckpoint(path: Fixtures.path("t2i/model.safetensors")),
                reference: SafetensorsFile(path: path), tolerance: 1e-4
            ).comparisons(.ema)
        }
        expectSentence(text, naming: ["t2i/model.safetensors", "no MiniT2I", path])
    }
}
