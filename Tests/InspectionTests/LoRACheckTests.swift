import PixNerdCheckpoints
import PixNerdInspection
import PixNerdModels
import PixNerdTestSupport
import Testing

/// PixArt with a LoRA in every spelling, in both layouts of the model, against PyTorch (`make_lora_fixtures.py`).
@Suite struct LoRACheckTests {
    private static func check(_ model: String, _ reference: String, _ choices: [LoRAChoice]) throws -> [Comparison] {
        let checkpoint = try DenoiserCheckpoint(path: Fixtures.path("pixart/\(model)")).telling(heads: 2)
        return try PixArtCheck(
            checkpoint: checkpoint.adapted(by: choices),
            reference: SafetensorsFile(path: Fixtures.path("lora/\(reference).safetensors")), tolerance: 1e-4
        ).comparisons()
    }

    /// Without alpha the rank is taken, or 8 for peft and PixArt's trainer; the fixture's is 6 and its rank 3.
    @Test(
        arguments: [
            ("peft", 1), ("peft/adapter_model.safetensors", 1), ("kohya.safetensors", 1), ("diffusers.safetensors", 2),
            ("trainer.safetensors", 0.75),
        ] as [(String, Float)], [("alpha-1024-ms", "alpha"), ("sigma-256.pth", "sigma")])
    func spellingsAgree(file: (path: String, strength: Float), model: (path: String, reference: String)) throws {
        let choice = LoRAChoice(path: Fixtures.path("lora/\(file.path)"), strength: file.strength)
        let comparisons = try Self.check(model.path, model.reference, [choice])
        #expect(comparisons.count == 1 && comparisons.allSatisfy(\.passes), "\(comparisons)")
        let remark = try LoRAFile(path: choice.path).remark
        #expect((remark != nil) == (file.strength != 1), "\(remark ?? "")")
    }

    @Test func strengthsAdd() throws {
        let half = LoRAChoice(path: Fixtures.path("lora/kohya.safetensors"), strength: 0.5)
        let nothing = LoRAChoice(path: Fixtures.path("lora/peft"), strength: 0)
        #expect(try Self.check("sigma-256.pth", "sigma", [half, nothing, half]).allSatisfy(\.passes))
        #expect(try !Self.check("sigma-256.pth", "sigma", [half]).allSatisfy(\.passes))
    }
}
