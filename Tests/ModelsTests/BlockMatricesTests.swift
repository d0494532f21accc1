import PixNerdDiffusion
import PixNerdModels
import PixNerdOptimization
import PixNerdTestSupport
import Testing

/// Which weights are matrices of transformer blocks.
@Suite struct BlockMatricesTests {
    private func expectSizes(
        of model: some Denoiser, _ architecture: some TrainableArchitecture,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let shapes = model.blockMatrices.map(\.value.shape).sorted { $0.lexicographicallyPrecedes($1) }
        let expected = architecture.blockMatrixSizes.map { [$0.rows, $0.columns] }
            .sorted { $0.lexicographicallyPrecedes($1) }
        #expect(shapes == expected, sourceLocation: sourceLocation)
    }

    @Test func thoseOfClassModels() throws {
        let model = try PixNerdTests.model("tiny")
        expectSizes(of: model, model.architecture)
        let names = model.blockMatrices.map(\.name).filter { $0.hasPrefix("blocks.0.") }
        let expected = [
            "attn.qkv", "attn.proj", "mlp.w1", "mlp.w3", "mlp.w2", "adaLN_modulation.0",
        ].map { "blocks.0.\($0).weight" }
        #expect(Set(names) == Set(expected))
        let linear = try PixNerdTests.model("linear")
        expectSizes(of: linear, linear.architecture)
    }

    @Test func thoseOfTextModels() throws {
        let architecture = try TextPixNerdArchitecture(
            hiddenSize: 16, heads: 2, encoderBlocks: 2, decoderBlocks: 1, textBlocks: 1, patchSize: 4, fieldWidth: 8,
            textWidth: 12, textLength: 5)
        let model = TextPixNerd(architecture, seed: 1)
        expectSizes(of: model, architecture)
        let names = Set(model.blockMatrices.map(\.name))
        #expect(
            names.isSuperset(of: [
                "blocks.0.attn.qkv_x.weight", "blocks.1.attn.kv_y.weight", "blocks.1.mlp.w12.weight",
                "text_refine_blocks.0.attn.qkv.weight",
            ]))
    }

    @Test func thoseOfAPixArt() throws {
        let architecture = try PixArtArchitecture(
            hiddenSize: 16, heads: 2, depth: 2, textWidth: 12, textLength: 5, baseGrid: 4)
        expectSizes(of: PixArt(architecture, seed: 1), architecture)
    }

    /// Counted apart, with two operations for a multiply-add.
    @Test(arguments: [("B/16", 2.3e12), ("L/16", 9.9e12), ("XL/16", 16.7e12)])
    func theCostOfMuon(preset: String, operations: Double) throws {
        let sizes = try PixNerdArchitecture(preset: preset).blockMatrixSizes
        let sum = sizes.reduce(0) { $0 + 2 * Muon.multiplyAdds(rows: $1.rows, columns: $1.columns) }
        #expect(abs(sum / operations - 1) < 0.03, "\(sum)")
    }
}
