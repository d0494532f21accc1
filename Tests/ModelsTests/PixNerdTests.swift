import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdLayers
import PixNerdModels
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// PixNerd against the PyTorch reference.
@Suite struct PixNerdTests {
    static func model(_ name: String, weights: String = "ema_denoiser.") throws -> PixNerd {
        try PixNerd(loading: TensorSubset(Fixtures.pixnerd("\(name)-checkpoint"), prefix: weights))
    }

    @Test(arguments: [
        ("tiny", "reference-16x16", "ema_denoiser."), ("tiny", "reference-24x16", "ema_denoiser."),
        ("tiny", "reference-8x8", "ema_denoiser."), ("tiny", "reference-raw-16x16", "denoiser."),
        ("grey", "reference-8x8", "ema_denoiser."), ("grey", "reference-12x6", "ema_denoiser."),
        ("grey", "reference-4x4", "ema_denoiser."), ("grey", "reference-raw-8x8", "denoiser."),
        ("linear", "reference-8x8", "ema_denoiser."), ("linear", "reference-12x6", "ema_denoiser."),
    ])
    func velocity(name: String, reference: String, weights: String) throws {
        let file = try Fixtures.pixnerd("\(name)-\(reference)")
        let velocity = try Self.model(name, weights: weights).velocity(
            file.tensor("x"), times: file.tensor("t").values, condition: ClassCondition(file.integers("y")))
        expectClose(velocity, try file.tensor("velocity"), .network, reference)
    }

    /// The velocity of an image does not depend on the rest of its batch.
    @Test func picturesAreIndependent() throws {
        let file = try Fixtures.pixnerd("tiny-reference-16x16")
        let model = try Self.model("tiny")
        let (x, times, labels) = try (file.tensor("x"), file.tensor("t").values, file.integers("y"))
        let together = model.velocity(x, times: times, condition: ClassCondition(labels))
        for picture in 0..<x.shape[0] {
            let range = picture..<picture + 1
            let alone = model.velocity(
                x.rows(range), times: [times[picture]], condition: ClassCondition([labels[picture]]))
            // Products of other sizes sum in another order.
            expectClose(alone, together.rows(range), .oneOperator)
        }
    }

    private struct Distribution: Decodable {
        let shape: [Int]
        let kind: String
        let bound: Double?
        let std: Double?
    }

    @Test(arguments: ["tiny", "linear"])
    func freshWeightsHaveThePublishedNamesAndDistributions(name: String) throws {
        let json = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("pixnerd/\(name)-initialisation.json")))
        let expected = try JSONDecoder().decode([String: Distribution].self, from: json)
        let model = PixNerd(try Self.model(name).architecture, seed: 4)
        #expect(Set(model.parameters.map(\.name)) == Set(expected.keys))
        for parameter in model.parameters {
            let distribution = try #require(expected[parameter.name])
            #expect(parameter.value.shape == distribution.shape, "\(parameter.name)")
            expect(parameter, follows: distribution)
        }
    }

    private func expect(_ parameter: Parameter, follows distribution: Distribution) {
        let values = parameter.value.values.map(Double.init)
        let largest = values.map(abs).max() ?? 0
        let deviation = (values.reduce(0) { $0 + $1 * $1 } / Double(values.count)).squareRoot()
        // Five standard errors of a deviation; at least for a few dozen values a coarse bound.
        let slack = 5 / Double(values.count).squareRoot()
        switch distribution.kind {
        case "zeros": #expect(largest == 0)
        case "ones": #expect(values.allSatisfy { $0 == 1 })
        case "uniform":
            let bound = distribution.bound ?? 0
            #expect(largest <= bound * 1.000001, "\(parameter.name)")
            #expect(abs(deviation / (bound / 3.squareRoot()) - 1) < slack, "\(parameter.name)")
        case "normal":
            #expect(abs(deviation / (distribution.std ?? 0) - 1) < slack, "\(parameter.name)")
        default: Issue.record("\(parameter.name) has the unknown distribution \(distribution.kind)")
        }
    }

    @Test func seedsDecideFreshWeights() throws {
        let architecture = try Self.model("tiny").architecture
        func values(_ seed: UInt64) -> [[Float]] { PixNerd(architecture, seed: seed).parameters.map(\.value.values) }
        #expect(values(1) == values(1))
        #expect(values(1) != values(2))
    }

    @Test func sizesAreReadOffTheTensors() throws {
        let tiny = try Self.model("tiny").architecture
        #expect(
            tiny
                == (try PixNerdArchitecture(
                    hiddenSize: 16, heads: 2, blocks: 5, conditionedBlocks: 3, patchSize: 4, fieldWidth: 8, classes: 5))
        )
        let grey = try Self.model("grey").architecture
        #expect(grey.channels == 1 && grey.fieldRatio == 3 && grey.patchSize == 2 && grey.heads == 2)
    }

    /// If the shapes do not tell the channels of a linear head, the given number decides, or else 3, 4 and 16 in turn.
    @Test func channelsOfALinearHead() throws {
        let source = try TensorSubset(Fixtures.pixnerd("linear-checkpoint"), prefix: "denoiser.")
        let architecture = try PixNerdArchitecture(readFrom: source)
        #expect(architecture.head == .linear && architecture.channels == 4 && architecture.patchSize == 2)
        let told = try PixNerdArchitecture(readFrom: source, channels: 16)
        #expect(told.channels == 16 && told.patchSize == 1)
        #expect(throws: PixNerdError.self) { try PixNerdArchitecture(readFrom: source, channels: 3) }
        let json = try JSONEncoder().encode(told)
        #expect(try JSONDecoder().decode(PixNerdArchitecture.self, from: json) == told)
    }

    @Test(arguments: ["tiny", "grey", "linear"])
    func parametersAreCountedWithoutAModel(name: String) throws {
        let model = try Self.model(name)
        #expect(model.architecture.parameterCount == model.parameterCount)
    }

    /// The published figures: 700 M parameters and 134 G multiply-adds for XL/16 at 256 x 256.
    @Test func multiplyAddsAreThePublishedOnes() throws {
        let large = try PixNerdArchitecture(preset: "XL/16").multiplyAdds(height: 256, width: 256)
        #expect(abs(Double(large) / 134.3e9 - 1) < 0.005)
        let base = try PixNerdArchitecture(preset: "B/16").multiplyAdds(height: 256, width: 256)
        #expect(abs(Double(base) / 32.05e9 - 1) < 0.005)
    }

    @Test func everyMissingAndLeftOverTensorIsNamed() throws {
        let source = try TensorSubset(Fixtures.pixnerd("tiny-checkpoint"), prefix: "denoiser.")
        let error = #expect(throws: CheckpointMismatch.self) {
            _ = try PixNerd(loading: Renamed(source: source, from: "blocks.1.attn.proj.weight", to: "blocks.1.odd"))
        }
        #expect(error?.missing == ["blocks.1.attn.proj.weight"])
        #expect(error?.unexpected == ["blocks.1.odd"])
        #expect(error?.description.contains("blocks.1.attn.proj.weight") == true)
    }

    /// A source in which one tensor has another name.
    private struct Renamed: TensorSource {
        let source: TensorSubset
        let from: String
        let to: String

        var origin: String { source.origin }
        var names: [String] { source.names.map { $0 == from ? to : $0 } }
        private func original(_ name: String) -> String { name == to ? from : name }
        func shape(of name: String) -> [Int]? { name == from ? nil : source.shape(of: original(name)) }
        func tensor(_ name: String) throws -> Tensor { try source.tensor(original(name)) }
    }

    @Test func impossibleSizesAreRefused() {
        #expect(throws: PixNerdError.self) {
            try PixNerdArchitecture(hiddenSize: 30, heads: 4, blocks: 3, conditionedBlocks: 2)
        }
        #expect(throws: PixNerdError.self) {
            try PixNerdArchitecture(hiddenSize: 32, heads: 4, blocks: 3, conditionedBlocks: 3)
        }
        #expect(throws: PixNerdError.self) { try PixNerdArchitecture(preset: "S/16") }
    }
}
