import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdLayers
import PixNerdModels
import PixNerdOptimization
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Training of the text-to-image PixNerd against PyTorch: the published step with alignment, clipping and average.
@Suite struct TextPixNerdTrainingTests {
    private func batches(_ file: SafetensorsFile) throws -> [TrainingBatch] {
        func step(_ name: String, _ step: Int) throws -> Tensor {
            let all = try file.tensor("train.\(name)")
            return all.rows(step..<step + 1).reshaped(Array(all.shape.dropFirst()))
        }
        return try (0..<file.tensor("train.loss").count).map { index in
            TrainingBatch(
                data: try step("x", index), noise: try step("noise", index), times: try step("t", index).values,
                condition: TextPixNerdTests.condition(try step("y", index)), features: try step("features", index))
        }
    }

    @Test(arguments: [false, true])
    func aRunIsThatOfPyTorch(recomputesBlocks: Bool) throws {
        let file = try TextPixNerdTests.fixture("training")
        func number(_ key: String) throws -> Float { Float(try #require(file.metadata[key]))! }
        let model = try TextPixNerdTests.model("denoiser.", recomputesBlocks: recomputesBlocks)
        let projector = try #require(try DenoiserCheckpoint(path: TextPixNerdTests.path).projector())
        let average = MovingAverage(
            decay: try number("ema_decay"), startingFrom: try TextPixNerdTests.model().parameters.map(\.value))
        let step = FlowMatchingStep(
            model: model,
            objective: TrainingObjective(
                alignment: Alignment(
                    projector: projector, layer: Int(try number("repa_layer")), weight: try number("repa_weight"))),
            optimizer: AdamW(
                model.parameters + projector.parameters,
                settings: AdamW.Settings(
                    learningRate: try number("learning_rate"), beta1: try number("beta1"),
                    beta2: try number("beta2"), weightDecay: try number("weight_decay"))),
            averages: [average], gradientClip: Double(try number("clip_norm")))
        var results: [OptimizationResult] = []
        for (index, batch) in try batches(file).enumerated() {
            results.append(try step([batch]))
            guard index == 0 else { continue }
            // Clipping scales the step, not the gradients that are kept.
            for (prefix, parameters) in [("grad.denoiser.", model.parameters), ("grad.", projector.parameters)] {
                for parameter in parameters {
                    expectClose(
                        try #require(parameter.gradient), try file.tensor(prefix + parameter.name), .network,
                        parameter.name)
                }
            }
        }
        func curve(_ values: [Float]) -> Tensor { Tensor(values, shape: [values.count]) }
        expectClose(curve(results.map(\.loss)), try file.tensor("train.loss"), .run, "loss")
        expectClose(
            curve(results.compactMap { $0.pictures.mean("align") }), try file.tensor("train.align"), .run, "align")
        expectClose(
            curve(results.map { Float($0.gradientNorm) }), try file.tensor("train.gradient_norm"), .run, "norm")
        for parameter in model.parameters {
            expectClose(
                parameter.value, try file.tensor("final.denoiser.\(parameter.name)"), .run, parameter.name)
        }
        var compared = 0
        for (parameter, value) in zip(model.parameters, average.values) {
            let name = "final.ema_denoiser.\(parameter.name)"
            guard file.shape(of: name) != nil else { continue }
            expectClose(value, try file.tensor(name), .run, name)
            compared += 1
        }
        #expect(compared > 10)
    }

    /// Images with one text and one time: its gradients are those of copies.
    @Test func sharedTextsHaveTheGradientsOfCopies() throws {
        let file = try TextPixNerdTests.fixture("forward_16x16")
        let (x, rows) = (try file.tensor("x"), try file.tensor("y"))
        let shared = TextPixNerdTests.condition(rows)
        let copies = TextCondition(shared.texts.map { TextRows($0.tensor) }, nothing: shared.nothing)
        for times in [[0.4, 0.4, 0.4], [0.4, 0.2, 0.9]] as [[Float]] {
            let models = try [shared, copies].map { condition in
                let model = try TextPixNerdTests.model()
                withGradient { model.velocity(x, times: times, condition: condition) }
                return model
            }
            for (one, other) in zip(models[0].parameters, models[1].parameters) {
                expectClose(try #require(one.gradient), try #require(other.gradient), .network, one.name)
            }
        }
    }
}
