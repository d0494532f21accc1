import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdLayers
import PixNerdModels
import PixNerdOptimization
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Training of MiniT2I by its own target, against PyTorch.
@Suite struct MiniT2ITrainingTests {
    private func batch(_ file: SafetensorsFile) throws -> TrainingBatch {
        let dropped = try file.integers("dropped").enumerated().filter { $1 != 0 }.map(\.offset)
        return TrainingBatch(
            data: try file.tensor("picture"), noise: scaled(try file.tensor("noise"), by: 2),
            times: try file.tensor("t").values, condition: try MiniT2ITests.condition(file, dropped: dropped))
    }

    private func objective(floor: Float) -> TrainingObjective {
        TrainingObjective(prediction: Prediction(.picture, noiseScale: 2, floor: floor))
    }

    @Test(arguments: [false, true])
    func twoStepsAreThoseOfPyTorch(recomputesBlocks: Bool) throws {
        let file = try MiniT2ITests.fixture("training")
        let model = try MiniT2ITests.model(recomputesBlocks: recomputesBlocks)
        let batch = try batch(file)
        for floor in ["0.01", "0.05"] {
            let loss = objective(floor: Float(floor)!).loss(model, batch).mean
            expectClose(loss.reshaped([1]), try file.tensor("loss.floor_\(floor)").reshaped([1]), .network, floor)
        }
        let step = FlowMatchingStep(
            model: model, objective: objective(floor: 0.01),
            optimizer: AdamW(
                model.parameters, settings: AdamW.Settings(learningRate: 1e-3, beta2: 0.95, weightDecay: 0)))
        _ = try step([batch])
        var compared = 0
        for parameter in model.parameters {
            let gradient = try #require(parameter.gradient, "\(parameter.name)")
            guard file.shape(of: "gradient.\(parameter.name)") != nil else { continue }
            expectClose(gradient, try file.tensor("gradient.\(parameter.name)"), .network, parameter.name)
            compared += 1
        }
        #expect(compared == file.names.filter { $0.hasPrefix("gradient.") }.count)
        _ = try step([batch])
        for parameter in model.parameters where file.shape(of: "after.\(parameter.name)") != nil {
            expectClose(parameter.value, try file.tensor("after.\(parameter.name)"), .run, parameter.name)
        }
        let after = objective(floor: 0.01).loss(model, batch).mean
        expectClose(after.reshaped([1]), try file.tensor("loss.after").reshaped([1]), .run, "loss after")
    }

    /// Fresh weights give nothing, and learn.
    @Test func freshWeightsLearn() throws {
        let file = try MiniT2ITests.fixture("training")
        let architecture = try MiniT2IArchitecture(
            hiddenSize: 32, heads: 2, headWidth: 16, doubleBlocks: 2, feedForwardWidth: 88, patchSize: 8,
            bottleneck: 20, textWidth: 24, textLength: 16)
        let model = MiniT2I(architecture, seed: 3)
        let batch = try batch(file)
        let first = model.velocity(batch.point, times: batch.times, condition: batch.condition)
        #expect(first.values.allSatisfy { $0 == 0 })
        let step = FlowMatchingStep(
            model: model, objective: objective(floor: 0.05),
            optimizer: AdamW(model.parameters, settings: AdamW.Settings(learningRate: 3e-3)))
        let losses = try (0..<12).map { _ in try step([batch]).loss }
        #expect(losses.allSatisfy(\.isFinite) && losses[11] < 0.9 * losses[0], "\(losses)")
        let shapes = model.blockMatrices.map(\.value.shape).sorted { $0.lexicographicallyPrecedes($1) }
        #expect(
            shapes
                == architecture.blockMatrixSizes.map { [$0.rows, $0.columns] }
                .sorted { $0.lexicographicallyPrecedes($1) })
    }
}
