import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdLayers
import PixNerdModels
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Models of several classes an image and of values, against PyTorch.
@Suite struct ConditionsTests {
    private let file: SafetensorsFile
    private let model: PixNerd
    private let condition: ClassCondition

    init() throws {
        file = try Fixtures.recipe("conditions")
        model = try PixNerd(loading: TensorSubset(file, prefix: "model."))
        var labels = try file.integers("labels")[...]
        let sets = try file.integers("counts").map { count in
            defer { labels = labels.dropFirst(count) }
            return Array(labels.prefix(count))
        }
        let values = try file.tensor("values").values.map { $0 > 1e8 ? nil : $0 }
        condition = ClassCondition(
            labels: sets, values: sets.indices.map { Array(values[2 * $0..<2 * $0 + 2]) })
    }

    private func velocity(_ condition: any Condition) throws -> Tensor {
        model.velocity(try file.tensor("x"), times: try file.tensor("t").values, condition: condition)
    }

    @Test func velocityFollowsPyTorch() throws {
        let open = ClassCondition(labels: condition.labels, values: condition.labels.map { _ in [] })
        expectClose(try velocity(condition), try file.tensor("out.values"), .network)
        expectClose(try velocity(open), try file.tensor("out.sets"), .network)
        expectClose(try velocity(condition.unconditional), try file.tensor("out.dropped"), .network)
        // An image of no class is not one without a condition.
        #expect(try velocity(open).rows(2..<3).values != velocity(open.unconditional).rows(2..<3).values)
    }

    @Test func gradientsFollowPyTorch() throws {
        for parameter in model.parameters { parameter.clearGradient() }
        try withGradient(upstream: file.tensor("upstream")) { try velocity(condition) }
        let watched = file.names.filter { $0.hasPrefix("gradient.") }
        #expect(watched.count == 5)
        for name in watched {
            let parameter = try #require(model.parameters.first { "gradient.\($0.name)" == name })
            expectClose(try #require(parameter.gradient), try file.tensor(name), .network, name)
        }
        // The null row belongs to no image here.
        let table = try file.tensor("gradient.y_embedder.embedding_table.weight")
        #expect(table.values.suffix(8).allSatisfy { $0 == 0 })
    }

    @Test func rowsOfConditions() throws {
        let both = condition.unconditional.joined(with: condition)
        #expect(both.count == 8 && both.rows(4..<8) == condition && both.rows(0..<1).labels == [nil])
        #expect(condition.rows(0..<2).values == [[0.5, nil], [-2.5, 1.25]])
        #expect(condition.rows(ofTableFor: 4) == [[1, 3], [0], [], [0, 2, 3]])
        #expect(condition.unconditional.rows(ofTableFor: 4) == [[4], [4], [4], [4]])
    }

    @Test func theNumberOfValuesIsReadOffTheTensors() throws {
        let architecture = model.architecture
        #expect(architecture.values == 2 && architecture.parameterCount == model.parameterCount)
        #expect(architecture.summary.last == "told 2 values")
        let json = try JSONEncoder().encode(architecture)
        #expect(try JSONDecoder().decode(PixNerdArchitecture.self, from: json) == architecture)
        var plain = architecture
        plain.values = 0
        #expect(!String(decoding: try JSONEncoder().encode(plain), as: UTF8.self).contains("num_values"))
        let added = architecture.multiplyAdds(height: 8, width: 8) - plain.multiplyAdds(height: 8, width: 8)
        #expect(added == 2 * (256 + 8) * 8)
    }

    /// New embedders change neither the other weights of a seed nor what the model computes.
    @Test(arguments: [DenoiserOptions.Head.field, .linear])
    func newEmbeddersAddNothing(head: DenoiserOptions.Head) throws {
        let (plain, told) = (try modelWithDrawnHead(head), try modelWithDrawnHead(head, values: 2))
        #expect(told.architecture.parameterCount == told.parameterCount)
        #expect(
            told.parameters.prefix(plain.parameters.count).map(\.value.values) == plain.parameters.map(\.value.values))
        let x = Tensor.normal([2, 3, 8, 8]) { RandomStream(seed: 2, purpose: .test, index: $0) }
        let condition = ClassCondition(labels: [[0], [2]], values: [[1, nil], [-3, 0.5]])
        #expect(
            told.velocity(x, times: [0.2, 0.7], condition: condition).values
                == plain.velocity(x, times: [0.2, 0.7], condition: ClassCondition([0, 2])).values)
    }
}
