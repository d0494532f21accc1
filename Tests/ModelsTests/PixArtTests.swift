import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdOptimization
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Testing

@testable import PixNerdModels

/// PixArt against its statement in PyTorch (`make_pixart_fixtures.py`).
@Suite struct PixArtTests {
    static func fixture(_ name: String) throws -> SafetensorsFile {
        try SafetensorsFile(path: Fixtures.path("pixart/\(name).safetensors"))
    }

    /// The model of a `.pth` file, or of a directory of diffusers.
    static func model(_ name: String, _ weights: WeightKind = .raw) throws -> PixArt {
        let path = Fixtures.path("pixart/\(name)")
        if name.hasSuffix(".pth") {
            let tensors = try DenoiserCheckpoint(path: path).tensors(weights)
            let sizes = try PixArtArchitecture(readFrom: tensors, metadata: ["num_heads": "2"], channels: nil)
            return try PixArt(sizes, loading: tensors)
        }
        let tensors = try TensorFile.open(path: "\(path)/diffusion_pytorch_model.safetensors")
        let configuration = try String(contentsOfFile: "\(path)/config.json", encoding: .utf8)
        let sizes = try PixArtArchitecture(
            readFrom: tensors, metadata: [DenoiserCheckpoint.configurationKey: configuration], channels: nil)
        return try PixArt(sizes, loading: tensors)
    }

    /// The kept rows of texts [B, L, E].
    static func texts(_ rows: Tensor, _ keep: [Int]) -> [TextRows] {
        let (length, width) = (rows.shape[1], rows.shape[2])
        return (0..<rows.shape[0]).map { image in
            let kept = keep[image * length..<(image + 1) * length].reduce(0, +)
            let own = rows.rows(image..<image + 1).reshaped([length, width])
            return TextRows(own.rows(0..<kept))
        }
    }

    /// What models of several sizes are told of an image is learned, too.
    @Test func embeddedSizesHaveDerivatives() throws {
        let (model, file) = (try Self.model("alpha-1024-ms"), try Self.fixture("alpha-1024-ms_wide"))
        let texts = Self.texts(try file.tensor("caption"), try file.integers("keep"))
        let (x, steps) = (try file.tensor("x"), try file.integers("step").map(Double.init))
        let embedders = model.parameters.filter {
            $0.name.hasPrefix("csize_embedder.") || $0.name.hasPrefix("ar_embedder.")
        }
        #expect(embedders.count == 8)
        expectDerivative(embedders) {
            model.predicted(
                x, steps: steps, condition: TextCondition(texts, nothing: texts[0]), withVariance: true)
        }
    }

    @Test(arguments: [
        ("alpha-1024-ms", "alpha-1024-ms_square"), ("alpha-1024-ms", "alpha-1024-ms_wide"),
        ("sigma-256.pth", "sigma-256_square"), ("sigma-256.pth", "sigma-256_wide"),
        ("sigma-kvcompress-qknorm.pth", "sigma-kvcompress-qknorm"),
    ])
    func forward(model name: String, case file: String) throws {
        let (model, file) = (try Self.model(name), try Self.fixture(file))
        let texts = Self.texts(try file.tensor("caption"), try file.integers("keep"))
        let condition = TextCondition(texts, nothing: texts[0])
        let sizes = try file.shape(of: "size").map { _ in
            zip(try file.tensor("size").values.map(Double.init).pairs, try file.tensor("ratio").values).map {
                PixArtSize(height: $0.0, width: $0.1, ratio: Double($1))
            }
        }
        let output = model.predicted(
            try file.tensor("x"), steps: try file.integers("step").map(Double.init), condition: condition, sizes: sizes,
            withVariance: true)
        expectClose(output, try file.tensor("output"), .network, name)
        guard file.shape(of: "fraction") != nil else { return }
        let average = try Self.model(name, .ema).predicted(
            try file.tensor("x"), steps: try file.integers("step").map(Double.init), condition: condition,
            withVariance: true)
        expectClose(average, try file.tensor("output_ema"), .network, "\(name), averaged weights")
        let fractions = model.predicted(
            try file.tensor("x"), steps: try file.tensor("fraction").values.map(Double.init), condition: condition,
            withVariance: true)
        expectClose(fractions, try file.tensor("output_fraction"), .network, "\(name) at fractions of steps")
    }

    @Test func sizesAreReadOffTheFiles() throws {
        let sigma = try Self.model("sigma-256.pth").architecture
        #expect(sigma.baseGrid == 16 && sigma.interpolation == 0.5 && sigma.textLength == 14 && sigma.hasEmptyRows)
        let alpha = try Self.model("alpha-1024-ms").architecture
        #expect(alpha.baseGrid == 64 && alpha.interpolation == 2 && alpha.takesSizes && !alpha.hasEmptyRows)
        let compressed = try Self.model("sigma-kvcompress-qknorm.pth").architecture
        #expect(compressed.compression == 2 && !compressed.compressedBlocks.isEmpty && compressed.normalizesKeys)
        for model in [sigma, alpha, compressed] {
            #expect(try JSON.value(PixArtArchitecture.self, from: JSON.text(model)) == model)
        }
        #expect(try Self.model("sigma-256.pth").parameterCount == sigma.parameterCount)
        #expect(try Self.model("alpha-1024-ms").parameterCount == alpha.parameterCount)
        #expect(try Self.model("sigma-kvcompress-qknorm.pth").parameterCount == compressed.parameterCount)
    }

    @Test(
        arguments: [(DiffusionGrid.diffusers, "diffusers"), (.alpha, "alpha_script"), (.sigma, "sigma_script")],
        [20, 6])
    func samples(grid: (DiffusionGrid, name: String), steps: Int) throws {
        let (model, file) = (try Self.model("sigma-256.pth"), try Self.fixture("samples"))
        let texts = Self.texts(try file.tensor("caption"), try file.integers("keep"))
        let empty = Self.texts(try file.tensor("empty"), try file.integers("keep_empty"))
        let nothing = grid.0 == .diffusers ? empty : texts.map { TextRows(ownOfModel: $0.count) }
        var settings = SamplingSettings(
            sampler: .dpm, steps: steps, guidance: Guidance(scale: steps == 20 ? 4.5 : 2, lowerTime: 0),
            grid: .diffusion(grid.0, firstStep: 999))
        let sampled = try sample(
            model, noise: try file.tensor("noise"), condition: TextCondition(texts, nothing: nothing),
            settings: settings)
        expectClose(sampled, try file.tensor("\(grid.name)_\(steps)"), .run, grid.name)
        guard steps == 6, grid.0 == .diffusers else { return }
        settings.steps = 1
        settings.grid = .diffusion(.diffusers, firstStep: 400)
        settings.guidance = Guidance(scale: 1)
        let once = try sample(
            model, noise: try file.tensor("noise"), condition: TextCondition(texts, nothing: nothing),
            settings: settings)
        expectClose(once, try file.tensor("one_step"), .run, "one step")
    }

    /// The terms of the loss, gradients, and weights after three steps of AdamW with clipping agree.
    @Test func training() throws {
        let (model, file) = (try Self.model("sigma-256.pth"), try Self.fixture("training"))
        let shape = try #require(file.shape(of: "x"))
        let (steps, keep) = (try file.integers("step"), try file.integers("keep"))
        let step = OptimizationStep<DiffusionBatch>(
            optimizer: AdamW(
                model.parameters, settings: AdamW.Settings(learningRate: 1e-3, epsilon: 1e-10, weightDecay: 0.03)),
            gradientClip: 0.01, count: { $0.steps.count }, loss: { DiffusionSchedule().loss(model, $0) })
        let expected = try file.tensor("error_bound_loss_norm").values
        for place in 0..<shape[0] {
            func part(_ name: String) throws -> Tensor {
                let whole = try file.tensor(name)
                return whole.rows(place..<place + 1).reshaped(Array(whole.shape.dropFirst()))
            }
            let texts = Self.texts(try part("caption"), keep)
            let batch = DiffusionBatch(
                data: try part("x"), noise: try part("noise"),
                steps: Array(steps[place * shape[1]..<(place + 1) * shape[1]]),
                condition: TextCondition(texts, nothing: texts))
            let result = try step([batch])
            let found = [
                result.pictures.mean("noise") ?? .nan, result.pictures.mean("bound") ?? .nan, result.loss,
                Float(result.gradientNorm),
            ]
            #expect(relativeError(found, Array(expected[4 * place..<4 * place + 4])) < 1e-4, "step \(place)")
            guard place == 0 else { continue }
            for parameter in model.parameters where file.shape(of: "gradient.\(parameter.name)") != nil {
                let gradient = try #require(parameter.gradient)
                expectClose(gradient, try file.tensor("gradient.\(parameter.name)"), .run, parameter.name)
            }
        }
        for parameter in model.parameters where file.shape(of: "after.\(parameter.name)") != nil {
            expectClose(parameter.value, try file.tensor("after.\(parameter.name)"), .run, parameter.name)
        }
        #expect(model.constants.map(\.name) == ["y_embedder.y_embedding"])
    }
}

extension [Double] {
    fileprivate var pairs: [(Double, Double)] { stride(from: 0, to: count, by: 2).map { (self[$0], self[$0 + 1]) } }
}
