import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdLayers
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Testing

@testable import PixNerdModels

/// ControlNets against PyTorch (make_control_fixtures.py).
@Suite struct ControlNetTests {
    private let file: SafetensorsFile
    private let model: PixNerd

    init() throws {
        file = try SafetensorsFile(path: Fixtures.path("control/pixnerd.safetensors"))
        model = try PixNerd(loading: TensorSubset(file, prefix: "model."))
    }

    private func velocity(_ condition: any Condition, _ model: PixNerd? = nil) throws -> Tensor {
        (model ?? self.model).velocity(
            try file.tensor("x"), times: try file.tensor("t").values, condition: condition)
    }

    private func classes() throws -> ClassCondition { ClassCondition(try file.integers("y")) }

    private func shown(_ strength: Float = 1, _ times: ClosedRange<Float> = 0...1) throws -> any Condition {
        try classes().showing(ShownPictures(file.tensor("picture"), strength: strength, times: times))
    }

    /// A model without the ControlNet of another.
    private func base() throws -> PixNerd {
        struct Base: TensorSource {
            let source: TensorSubset
            var origin: String { source.origin }
            var names: [String] { source.names.filter { !ControlNames.areOfControl($0) } }
            func shape(of name: String) -> [Int]? { names.contains(name) ? source.shape(of: name) : nil }
            func tensor(_ name: String) throws -> Tensor { try source.tensor(name) }
        }
        return try PixNerd(loading: Base(source: TensorSubset(file, prefix: "model.")))
    }

    @Test func velocityFollowsPyTorch() throws {
        expectClose(try velocity(shown()), try file.tensor("out"), .network)
        expectClose(try velocity(shown(0.5)), try file.tensor("out.half"), .network)
        expectClose(try velocity(classes()), try file.tensor("out.none"), .network)
        #expect(relativeError(try file.tensor("out").values, try file.tensor("out.none").values) > 0.1)
    }

    /// At strength 0, outside of its times and without pictures it is the model that it controls, to the bit.
    @Test func withoutEffectItIsItsModel() throws {
        let expected = try velocity(classes(), base()).values
        #expect(try velocity(classes()).values == expected)
        #expect(try velocity(shown(0)).values == expected)
        #expect(try velocity(shown(1, 0.99...1)).values == expected)
    }

    /// Only the ControlNet is trained, and what it is given.
    @Test func gradientsFollowPyTorch() throws {
        for recomputes in [false, true] {
            let model = try PixNerd(
                loading: TensorSubset(file, prefix: "model."), recomputesBlocks: recomputes)
            try withGradient(upstream: file.tensor("upstream")) { try velocity(shown(), model) }
            #expect(model.parameters.count == file.names.count { $0.hasPrefix("gradient.") })
            for parameter in model.parameters {
                let gradient = try #require(parameter.gradient, "\(parameter.name)")
                expectClose(gradient, try file.tensor("gradient.\(parameter.name)"), .network, parameter.name)
            }
            #expect(model.constants.allSatisfy { $0.gradient == nil })
        }
    }

    /// Fields read control pictures, too, and are trained to.
    @Test func fieldsFollowPyTorch() throws {
        let file = try SafetensorsFile(path: Fixtures.path("control/fields.safetensors"))
        let model = try PixNerd(loading: TensorSubset(file, prefix: "model."))
        let sizes = model.architecture
        #expect(sizes.controlsFields && sizes.controlBlocks == 1)
        #expect(sizes.parameterCount == (model.parameters + model.constants).reduce(0) { $0 + $1.value.count })
        #expect(JSON.value(PixNerdArchitecture.self, from: try JSON.text(sizes)) == sizes)
        let classes = ClassCondition(try file.integers("y"))
        func velocity(_ condition: any Condition) throws -> Tensor {
            model.velocity(try file.tensor("x"), times: try file.tensor("t").values, condition: condition)
        }
        func shown(_ strength: Float, _ times: ClosedRange<Float> = 0...1) throws -> any Condition {
            classes.showing(ShownPictures(try file.tensor("picture"), strength: strength, times: times))
        }
        expectClose(try velocity(shown(1)), try file.tensor("out"), .network)
        expectClose(try velocity(shown(0.5)), try file.tensor("out.half"), .network)
        let without = try velocity(classes).values
        #expect(try velocity(shown(0)).values == without && velocity(shown(1, 0.999...1)).values == without)
        try withGradient(upstream: file.tensor("upstream")) { try velocity(shown(1)) }
        let own = try #require(model.parameters.first { $0.name == "control_field.weight" })
        expectClose(try #require(own.gradient), try file.tensor("gradient.control_field.weight"), .network)
    }

    /// New fields read nothing of the pictures, also if they read neighbours, and at other densities.
    @Test(arguments: [false, true]) func newFieldsHaveNoEffect(neighbors: Bool) throws {
        var sizes = try PixNerdArchitecture(
            hiddenSize: 16, heads: 2, blocks: 3, conditionedBlocks: 2, patchSize: 4, fieldWidth: 8,
            fieldPositions: .centers, fieldNeighbors: neighbors, fieldOverlap: 1, classes: 3)
        let base = PixNerd.filled(sizes)
        (sizes.controlBlocks, sizes.controlsFields) = (1, true)
        let model = try PixNerd(sizes, controlling: base)
        let x = Tensor.normal([1, 3, 16, 24]) { RandomStream(seed: 3, purpose: .test, index: $0) }
        let shown = ClassCondition([1]).showing(ShownPictures(x))
        for size in [ImageSize(height: 16, width: 24), ImageSize(8)] {
            let (own, plain) = (FieldRoute(model, trainedSize: size), FieldRoute(base, trainedSize: size))
            expectClose(
                own.velocity(x, times: [0.3], condition: shown),
                plain.velocity(x, times: [0.3], condition: ClassCondition([1])), .network)
        }
    }

    @Test func aNewOneHasNoEffect() throws {
        let base = try base()
        var sizes = base.architecture
        sizes.controlBlocks = 2
        let model = try PixNerd(sizes, controlling: base)
        #expect(try velocity(shown(), model).values == velocity(classes(), base).values)
        func value(_ name: String) throws -> [Float] {
            try #require((model.parameters + model.constants).first { $0.name == name }).value.values
        }
        #expect(try value("controlnet.1.copied_block.attn.qkv.weight") == value("blocks.1.attn.qkv.weight"))
        #expect(try value("control_embedder.proj.weight") == value("s_embedder.proj.weight"))
        #expect(try value("controlnet.0.after_proj.weight").allSatisfy { $0 == 0 })
        sizes.controlBlocks = 1
        expectSentence(
            sentence { _ = try PixNerd(sizes, controlling: self.model) }, naming: ["ControlNet", "other sizes"])
    }

    @Test func sizesAreReadOffTheTensors() throws {
        let architecture = model.architecture
        #expect(architecture.controlBlocks == 2)
        #expect(
            architecture.parameterCount == (model.parameters + model.constants).reduce(0) { $0 + $1.value.count })
        #expect(architecture.trainedParameterCount == model.parameterCount)
        #expect(architecture.summary.last?.contains("ControlNet of 2 blocks") == true)
        let json = try JSONEncoder().encode(architecture)
        #expect(try JSONDecoder().decode(PixNerdArchitecture.self, from: json) == architecture)
        #expect(!String(decoding: try JSONEncoder().encode(base().architecture), as: UTF8.self).contains("control"))
        // Matrices of the copies, which Muon may train.
        #expect(model.blockMatrices.count == architecture.blockMatrixSizes.count)
        var sizes = architecture
        sizes.controlBlocks = 3
        #expect(throws: PixNerdError.self) {
            try PixNerdArchitecture(
                hiddenSize: 16, heads: 2, blocks: 4, conditionedBlocks: 3, controlBlocks: sizes.controlBlocks)
        }
    }

    /// The pictures stay where the class is dropped, and keep company with the numbers.
    @Test func picturesOfConditions() throws {
        let condition = try shown(0.5)
        let both = condition.unconditional.joined(with: condition)
        #expect(both.count == 6 && both.pictures?.tensor.shape == [6, 3, 8, 12] && both.pictures?.strength == 0.5)
        #expect(both.expect(ClassCondition.self, by: "test").labels.prefix(3).allSatisfy { $0 == nil })
        let told = condition.telling(ModelNumbers(strength: [1, 2, 3]))
        #expect(told.pictures?.tensor.shape[0] == 3)
        #expect(told.rows(1..<2).numbers[.strength] == [[2]] && told.rows(1..<2).pictures?.tensor.shape[0] == 1)
        let other = told.showing(ShownPictures(Tensor(zeros: [3, 1, 4, 4])))
        #expect(other.pictures?.tensor.shape == [3, 1, 4, 4] && other.numbers == told.numbers)
    }

    /// The published layout and that of diffusers, which may be mixed.
    @Test(arguments: ["pixart.pth", "pixart-diffusers"])
    func pixArtFollowsPyTorch(control: String) throws {
        let file = try SafetensorsFile(path: Fixtures.path("control/pixart.safetensors"))
        let checkpoint = try DenoiserCheckpoint(path: Fixtures.path("control/pixart.pth")).telling(heads: 2)
            .controlled(by: Fixtures.path("control/\(control)"), .raw)
        let model = try #require(checkpoint.load(.raw) as? PixArt)
        #expect(model.architecture.controlBlocks == 2)
        #expect(model.architecture.parameterCount == model.parameters.reduce(0) { $0 + $1.value.count })
        let texts = PixArtTests.texts(try file.tensor("caption"), try file.integers("keep"))
        let condition = TextCondition(texts, nothing: texts).showing(ShownPictures(try file.tensor("control_image")))
        let output = model.predicted(
            try file.tensor("x"), steps: try file.integers("step").map(Double.init), condition: condition,
            withVariance: true)
        expectClose(output, try file.tensor("output"), .network)
    }

    @Test func aFileWithoutOneIsRefused() throws {
        let checkpoint = try DenoiserCheckpoint(path: Fixtures.path("control/pixart.pth"))
        let other = Fixtures.path("pixart/sigma-256.pth")
        expectSentence(
            sentence { _ = try checkpoint.controlled(by: other, .raw) }, naming: [other, "no ControlNet"])
    }
}
