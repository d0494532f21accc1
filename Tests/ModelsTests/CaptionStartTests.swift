import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdLayers
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Testing

@testable import PixNerdModels

/// Models of captions that begin as a model of classes, against their statement in PyTorch
/// (`make_caption_start_fixtures.py`).
@Suite struct CaptionStartTests {
    static func text() throws -> SafetensorsFile {
        try SafetensorsFile(path: Fixtures.path("pixart/start/text.safetensors"))
    }

    static func classes() throws -> PixNerd {
        let file = try TensorFile.open(path: Fixtures.path("pixart/start/class.safetensors"))
        return try PixNerd(loading: TensorSubset(file, prefix: WeightKind.ema.prefix))
    }

    static func start(_ modulation: DenoiserOptions.Modulation) throws -> PixNerd {
        let classes = try classes()
        var sizes = classes.architecture
        sizes.classes = 0
        sizes.captions = try CaptionSizes(width: 16, length: 14, modulation: modulation)
        return try PixNerd(sizes, beginningAs: classes, seed: 1)
    }

    static func velocity(_ model: PixNerd, _ file: SafetensorsFile) throws -> Tensor {
        let texts = PixArtTests.texts(try file.tensor("caption"), try file.integers("keep"))
        return model.velocity(
            try file.tensor("x"), times: try file.tensor("t").values, condition: TextCondition(texts, nothing: texts))
    }

    @Test(arguments: [DenoiserOptions.Modulation.perBlock, .single])
    func itBeginsAsTheClassModelWithoutAClass(modulation: DenoiserOptions.Modulation) throws {
        let (model, file) = (try Self.start(modulation), try Self.text())
        let name = modulation == .single ? "single" : "per_block"
        let velocity = try Self.velocity(model, file)
        expectClose(velocity, try file.tensor("start_\(name)"), .network, name)
        let classes = try Self.classes().velocity(
            try file.tensor("x"), times: try file.tensor("t").values, condition: ClassCondition([nil, nil, nil]))
        expectClose(classes, try file.tensor("class_model"), .network, "the model of classes")
        // A single modulation is that of the model of classes at the times of the first two images only.
        let exact = modulation == .single ? 0..<2 : 0..<3
        expectClose(velocity.rows(exact), classes.rows(exact), .network, name)
        guard modulation == .single else { return }
        for parameter in model.parameters where parameter.name.hasPrefix("t_block.1.") {
            expectClose(
                parameter.value, try file.tensor(parameter.name.replacing("t_block.1.", with: "t_block.")), .oneOperator
            )
        }
    }

    /// The tensors of a trained model of captions: those of the start, with others in the new layers.
    struct Later: TensorSource {
        let start: PixNerd
        let file: SafetensorsFile
        let prefix: String

        var origin: String { "later" }
        var names: [String] { (start.parameters + start.constants).map(\.name) }
        func shape(of name: String) -> [Int]? {
            (start.parameters + start.constants).first { $0.name == name }?.value.shape
        }
        func tensor(_ name: String) throws -> Tensor {
            let stored =
                name.hasPrefix("blocks.") ? name.replacing(/blocks\.(\d+)\.cross_attn/) { "cross.\($0.1)" } : name
            if file.shape(of: prefix + stored) != nil { return try file.tensor(prefix + stored) }
            return (start.parameters + start.constants).first { $0.name == name }!.value
        }
    }

    @Test(arguments: [DenoiserOptions.Modulation.perBlock, .single])
    func captionsAreRead(modulation: DenoiserOptions.Modulation) throws {
        let file = try Self.text()
        let name = modulation == .single ? "single" : "per_block"
        let source = Later(start: try Self.start(modulation), file: file, prefix: "\(name).")
        let architecture = try KnownDenoisers.architecture(of: source)
        let model = try #require(try architecture.load(source, recomputesBlocks: false) as? PixNerd)
        #expect(model.architecture.captions?.modulation == modulation)
        #expect(model.parameterCount == model.architecture.parameterCount)
        #expect(try JSON.value(PixNerdArchitecture.self, from: JSON.text(model.architecture)) == model.architecture)
        expectClose(try Self.velocity(model, file), try file.tensor("later_\(name)"), .network, name)
    }

    /// Recomputing blocks changes no gradient, and the rows of the model's own for no text get none.
    @Test func gradientsOfRecomputedBlocks() throws {
        let file = try Self.text()
        func gradients(recomputes: Bool) throws -> [String: [Float]] {
            let source = Later(start: try Self.start(.single), file: file, prefix: "single.")
            let model = try PixNerd(loading: source, recomputesBlocks: recomputes)
            let texts = PixArtTests.texts(try file.tensor("caption"), try file.integers("keep"))
            let condition = TextCondition([texts[0], TextRows(ownOfModel: 5), texts[2]], nothing: texts[0])
            _ = try withGradient(upstream: try file.tensor("x")) {
                model.velocity(try file.tensor("x"), times: try file.tensor("t").values, condition: condition)
            }
            return Dictionary(uniqueKeysWithValues: model.parameters.map { ($0.name, $0.gradient?.values ?? []) })
        }
        let (kept, recomputed) = (try gradients(recomputes: false), try gradients(recomputes: true))
        for (name, gradient) in kept {
            #expect(!gradient.isEmpty && relativeError(recomputed[name] ?? [], gradient) < 1e-5, "\(name)")
        }
    }
}
