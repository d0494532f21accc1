import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Testing

@testable import PixNerdModels

/// MiniT2I against its statement in PyTorch (`make_minit2i_fixtures.py`).
@Suite struct MiniT2ITests {
    static func fixture(_ name: String) throws -> SafetensorsFile {
        try SafetensorsFile(path: Fixtures.path("minit2i/\(name).safetensors"))
    }

    static func checkpoint(_ name: String = "b") throws -> DenoiserCheckpoint {
        try DenoiserCheckpoint(path: Fixtures.path("minit2i/minit2i-\(name)"))
    }

    static func model(_ name: String = "b", recomputesBlocks: Bool = false) throws -> MiniT2I {
        try #require(try checkpoint(name).load(.ema, recomputesBlocks: recomputesBlocks) as? MiniT2I)
    }

    /// The condition of a file with the rows and masks of texts.
    static func condition(_ file: SafetensorsFile, dropped: [Int] = []) throws -> TextCondition {
        let (states, keep) = (try file.tensor("states"), try file.integers("keep"))
        let (length, width) = (states.shape[1], states.shape[2])
        let nothing = TextRows(ownOfModel: length)
        let texts = (0..<states.shape[0]).map { image in
            let count = keep[image * length..<(image + 1) * length].reduce(0, +)
            guard count > 0, !dropped.contains(image) else { return nothing }
            return TextRows(states.rows(image..<image + 1).reshaped([length, width]).rows(0..<count))
        }
        return TextCondition(texts, nothing: nothing)
    }

    /// The largest difference relative to the largest value.
    static func error(_ actual: Tensor, _ expected: Tensor) -> Float {
        let scale = expected.values.map(abs).max() ?? 0
        return (zip(actual.values, expected.values).map { abs($0 - $1) }.max() ?? .infinity) / scale
    }

    /// Several masks, one of them empty; square and wide images; heads whose width is no power of two.
    @Test(arguments: [("b", "b_32x32"), ("b", "b_16x40"), ("l", "l_32x32")])
    func forward(model name: String, case file: String) throws {
        let (model, file) = (try Self.model(name), try Self.fixture("forward-\(file)"))
        let x = try file.tensor("x")
        let clean = model.velocity(x, times: [0, 0.3, 0.7, 1], condition: try Self.condition(file))
        #expect(clean.shape == x.shape)
        #expect(Self.error(clean, try file.tensor("clean")) < 1e-5, "\(name)")
    }

    @Test func sizesAreReadOffTheTensors() throws {
        let checkpoint = try Self.checkpoint("l")
        let architecture = try #require(try checkpoint.architecture(.ema) as? MiniT2IArchitecture)
        var expected = try MiniT2IArchitecture(
            hiddenSize: 36, heads: 3, headWidth: 12, doubleBlocks: 2, feedForwardWidth: 104, patchSize: 8,
            bottleneck: 12, textWidth: 24, textLength: 16, imageSide: 32)
        (expected.steps, expected.guidanceInterval) = (100, [0, 1])
        #expect(architecture == expected)
        #expect(try Self.model("l").parameterCount == architecture.parameterCount)
        #expect(
            try JSONDecoder().decode(MiniT2IArchitecture.self, from: JSONEncoder().encode(architecture)) == expected)
        let prediction = try checkpoint.prediction(of: architecture)
        #expect(prediction.target == .picture && prediction.noiseScale == 2 && prediction.floor == 0.05)
        // A file alone does not say how many places a text has.
        let alone = try DenoiserCheckpoint(
            path: Fixtures.path("minit2i/minit2i-l/transformer/diffusion_pytorch_model.safetensors"))
        #expect(try (alone.architecture(.ema) as? MiniT2IArchitecture)?.textLength == 256)
        let inner = try DenoiserCheckpoint(path: Fixtures.path("minit2i/minit2i-l/transformer"))
        #expect(try inner.architecture(.ema).isSame(as: architecture))
    }

    /// Counted from the shapes of the published code.
    @Test(arguments: [("B/16", 258_122_880, 2.5 as Float), ("L/16", 911_766_696, 6)])
    func publishedSizes(preset: String, unusedIncluded: Int, guidance: Float) throws {
        let architecture = try MiniT2IArchitecture(preset: preset)
        let (width, text) = (architecture.hiddenSize, architecture.textWidth)
        // A time embedder of 256 features and an embedder of pooled texts, which have no effect.
        let unused = (256 + 1) * width + (width + 1) * width + text * width
        #expect([architecture.parameterCount, architecture.parameterCount + unused].contains(unusedIncluded))
        let settings = architecture.publishedSampling
        #expect(settings.guidance.scale(at: 0) == guidance && settings.guidance.scale(at: 0.99) == guidance)
        #expect(settings.steps == 100 && settings.sampler == .euler && architecture.trainedSide == 512)
        #expect(architecture.preset == preset)
        guard preset == "B/16" else { return }
        // 404 GFLOP less what the last block spares, text blocks included.
        let operations = 2e-9 * Double(architecture.multiplyAdds(height: 512, width: 512))
        #expect((390...404).contains(operations), "\(operations)")
    }

    @Test(arguments: [
        "double_blocks.1.img_mlp.w3.weight", "txt_preamble_blocks.0.q_norm.weight", "img_embedder.proj2.bias",
        "double_blocks.0.q_norm.weight", "txt_embedder.weight",
    ])
    func aMissingTensorIsNamed(name: String) throws {
        let source = try TensorFile.open(
            path: Fixtures.path("minit2i/minit2i-b/transformer/diffusion_pytorch_model.safetensors"))
        let text = sentence {
            let cut = Without(source: source, name: "model.net." + name)
            let architecture = try KnownDenoisers.architecture(of: cut)
            _ = try architecture.load(cut, recomputesBlocks: false)
        }
        expectSentence(text, naming: [name, "diffusion_pytorch_model.safetensors"])
    }

    /// A source without one of its tensors.
    private struct Without: TensorSource {
        let source: any TensorSource
        let name: String
        var origin: String { source.origin }
        var names: [String] { source.names.filter { $0 != name } }
        func shape(of name: String) -> [Int]? { name == self.name ? nil : source.shape(of: name) }
        func tensor(_ name: String) throws -> Tensor { try source.tensor(name) }
    }

    private struct Run: Decodable {
        let steps: Int
        let guidance: Float
        let interval: [Float]
        let floor: Float
    }

    @Test(arguments: 0..<3) func samples(run index: Int) throws {
        let file = try Self.fixture("samples")
        let run = try JSONDecoder().decode([Run].self, from: Data(try #require(file.metadata["runs"]).utf8))[index]
        let model = try Self.model()
        var prediction = model.architecture.publishedPrediction
        prediction.floor = run.floor
        let settings = SamplingSettings(
            sampler: .euler, steps: run.steps,
            guidance: Guidance(scales: [run.guidance], times: run.interval, includesEnds: true))
        let x = try sample(
            model.predicting(prediction), noise: try file.tensor("noise"), condition: try Self.condition(file),
            settings: settings)
        #expect(Self.error(x, try file.tensor("\(index).after_\(run.steps)")) < 1e-4)
    }

    /// What is kept over a run has the bits of what is computed anew, whatever else is in the batch.
    @Test func keptTextsHaveTheSameBits() throws {
        let (file, model) = (try Self.fixture("forward-b_16x40"), try Self.model())
        let (x, condition) = (try file.tensor("x"), try Self.condition(file))
        func clean() -> [Float] { model.velocity(x, times: [0, 0, 0, 0], condition: condition).values }
        let (memo, anew) = (SamplingMemo(), clean())
        #expect(memo { clean() } == anew && memo { clean() } == anew)
        let alone = memo {
            model.velocity(x.rows(1..<2), times: [0], condition: condition.rows(1..<2))
        }
        expectClose(alone, Tensor(anew, shape: x.shape).rows(1..<2), .network)
    }

    /// Outside of a run nothing is kept, so that weights may change.
    @Test func changedWeightsChangeTexts() throws {
        let (file, model) = (try Self.fixture("forward-b_16x40"), try Self.model())
        let (x, condition) = (try file.tensor("x"), try Self.condition(file))
        func clean() -> [Float] { model.velocity(x, times: [0, 0, 0, 0], condition: condition).values }
        let before = clean()
        let token = try #require(model.parameters.first { $0.name == "mask_token" })
        token.value = scaled(token.value, by: 2)
        #expect(clean() != before)
    }

    @Test func theTokensOfBlocks() throws {
        let (file, model) = (try Self.fixture("forward-b_16x40"), try Self.model())
        let given = model.velocity(
            try file.tensor("x"), times: [0, 0, 0, 0], condition: try Self.condition(file), tokensAfter: [1, 2])
        #expect(given.tokens.keys.sorted() == [1, 2] && given.tokens[2]?.shape == [4, 10, 32])
    }
}
