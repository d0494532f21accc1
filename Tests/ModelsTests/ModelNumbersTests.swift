import Foundation
import PixNerdCheckpoints
import PixNerdLayers
import PixNerdModels
import PixNerdTensors
import PixNerdTestSupport
import Testing

@testable import PixNerdDiffusion

/// Models that are told numbers besides time and condition, against PyTorch.
@Suite struct ModelNumbersTests {
    private let file: SafetensorsFile
    private let model: PixNerd

    init() throws {
        file = try SafetensorsFile(path: Fixtures.path("recipes/steps.safetensors"))
        model = try PixNerd(loading: TensorSubset(file, prefix: "model."))
    }

    private func numbers(_ kinds: Set<ModelNumber>) throws -> ModelNumbers {
        let (times, ends) = (try file.tensor("t").values, try file.tensor("q").values)
        let augmentation = try file.tensor("augmentation")
        return ModelNumbers(
            interval: kinds.contains(.interval) ? zip(ends, times).map { $0 - $1 } : nil,
            strength: kinds.contains(.strength) ? try file.tensor("strength").values : nil,
            augmentation: kinds.contains(.augmentation) ? (0..<4).map { augmentation.rows($0..<$0 + 1).values } : nil)
    }

    private func velocity(_ model: any Denoiser, _ numbers: ModelNumbers) throws -> Tensor {
        let times = try file.tensor("t").values
        let x = FlowPath.point(data: try file.tensor("x"), noise: try file.tensor("noise"), times: times)
        return model.velocity(
            x, times: times, condition: ClassCondition(try file.integers("y")).telling(numbers))
    }

    @Test(
        arguments: [
            ("plain", []), ("interval", [.interval]), ("strength", [.strength]), ("augmentation", [.augmentation]),
            ("all", [.interval, .strength, .augmentation]),
        ] as [(String, Set<ModelNumber>)])
    func velocityFollowsPyTorch(name: String, kinds: Set<ModelNumber>) throws {
        expectClose(
            try velocity(model, numbers(kinds)), try file.tensor("out.\(name)"), .network, name)
    }

    @Test func whatAModelIsToldIsReadOffItsTensors() throws {
        let architecture = model.architecture
        #expect(architecture.numbers == [.interval, .strength, .augmentation])
        #expect(architecture.parameterCount == model.parameterCount)
        #expect(architecture.summary.last == "told interval, strength, augmentation")
        let json = try JSONEncoder().encode(architecture)
        #expect(try JSONDecoder().decode(PixNerdArchitecture.self, from: json) == architecture)
        var plain = architecture
        plain.numbers = []
        #expect(!String(decoding: try JSONEncoder().encode(plain), as: UTF8.self).contains("told"))
        let added = architecture.multiplyAdds(height: 8, width: 12) - plain.multiplyAdds(height: 8, width: 12)
        #expect(added == 2 * (256 + 32) * 32 + 9 * 32)
    }

    /// New embedders change neither the other weights of a seed nor what the model computes.
    @Test(arguments: [DenoiserOptions.Head.field, .linear])
    func newEmbeddersAddNothing(head: DenoiserOptions.Head) throws {
        let (plain, told) = (
            try modelWithDrawnHead(head), try modelWithDrawnHead(head, numbers: [.density, .interval, .strength])
        )
        #expect(told.architecture.numbers == [.interval, .strength, .density])
        #expect(told.architecture.parameterCount == told.parameterCount)
        #expect(
            told.parameters.prefix(plain.parameters.count).map(\.value.values) == plain.parameters.map(\.value.values))
        let numbers = ModelNumbers(
            interval: [0.1, 0.2, 0.3, 0.4], strength: [1, 2, 3, 4],
            density: [[0, 1], [1, 0], [-1, 1], [2, 2]])
        #expect(try velocity(told, numbers).values == velocity(plain, ModelNumbers()).values)
    }

    @Test func textModelsAreToldNumbersToo() throws {
        let architecture = try TextPixNerdArchitecture(
            hiddenSize: 16, heads: 2, encoderBlocks: 2, decoderBlocks: 1, textBlocks: 1, patchSize: 4, fieldWidth: 8,
            textWidth: 6, textLength: 3, numbers: [.interval])
        let model = TextPixNerd(architecture, seed: 2)
        #expect(model.parameterCount == architecture.parameterCount)
        let json = try JSONEncoder().encode(architecture)
        #expect(try JSONDecoder().decode(TextPixNerdArchitecture.self, from: json) == architecture)
        for name in ["h_embedder.mlp.2.weight", "final_layer.linear.weight"] {
            let weight = try #require(model.parameters.first { $0.name == name })
            weight.value = Tensor.normal(weight.value.shape) { RandomStream(seed: 1, purpose: .test, index: $0) }
        }
        let text = TextRows(Tensor.normal([3, 6]) { RandomStream(seed: 2, purpose: .test, index: $0) })
        let x = Tensor.normal([2, 3, 8, 8]) { _ in RandomStream(seed: 3, purpose: .test) }
        let condition = TextCondition([text, text], nothing: text)
        let told = condition.telling(ModelNumbers(interval: [0, 0.5]))
        let together = model.velocity(x, times: [0.3, 0.3], condition: told)
        // Images of one text and time, but of other intervals, are not taken for the same.
        for image in 0..<2 {
            let range = image..<image + 1
            expectClose(
                model.velocity(x.rows(range), times: [0.3], condition: told.rows(range)), together.rows(range), .network
            )
        }
        #expect(relativeError(together.rows(0..<1).values, together.rows(1..<2).values) > 1e-3)
    }

    @Test func numbersFollowTheirImages() {
        let condition = ClassCondition([0, 1, 2]).telling(ModelNumbers(interval: [0.1, 0.2, 0.3]))
            .telling(ModelNumbers(strength: [1, 2, 3]))
        #expect(condition.rows(1..<3).numbers == ModelNumbers(interval: [0.2, 0.3], strength: [2, 3]))
        let both = condition.unconditional.joined(with: condition)
        #expect(both.numbers == ModelNumbers(interval: [0.1, 0.2, 0.3, 0.1, 0.2, 0.3], strength: [1, 2, 3, 1, 2, 3]))
        #expect(both.expect(ClassCondition.self, by: "test").labels == [nil, nil, nil, [0], [1], [2]])
        #expect(condition.telling(ModelNumbers(strength: [5, 5, 5])).numbers[.strength] == [[5], [5], [5]])
        let mixed = condition.rows(at: [2, 0])
        #expect(mixed.numbers == ModelNumbers(interval: [0.3, 0.1], strength: [3, 1]))
        #expect(mixed.expect(ClassCondition.self, by: "test").labels == [[2], [0]])
        #expect(condition.telling(only: [.strength]).numbers == ModelNumbers(strength: [1, 2, 3]))
        #expect(condition.telling(only: []).numbers.kinds.isEmpty)
    }

    /// Conditions without numbers cannot take those of others, and do not lose them silently.
    @Test func numbersAreNotLostWhereConditionsAreJoined() async {
        await #expect(processExitsWith: .failure) {
            _ = ClassCondition([0]).joined(with: ClassCondition([1]).telling(ModelNumbers(strength: [2])))
        }
        await #expect(processExitsWith: .failure) {
            _ = ClassCondition([0]).telling(ModelNumbers(strength: [2])).joined(with: ClassCondition([1]))
        }
    }
}
