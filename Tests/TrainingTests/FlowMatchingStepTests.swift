import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdLayers
import PixNerdModels
import PixNerdOptimization
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Single training steps, compared with PyTorch and with values that are not finite.
@Suite struct FlowMatchingStepTests {
    private func model(_ prefix: String = "denoiser.") throws -> PixNerd {
        try PixNerd(loading: TensorSubset(Fixtures.pixnerd("tiny-checkpoint"), prefix: prefix))
    }

    /// Clipping, weight decay and a timestep shift, over five steps.
    @Test func aClippedRunFollowsPyTorch() throws {
        let file = try Fixtures.pixnerd("tiny-training-clipped")
        func number(_ key: String) throws -> Float { try #require(Float(file.metadata[key] ?? "")) }
        let model = try model()
        let average = MovingAverage(
            decay: try number("ema_decay"), startingFrom: try self.model("ema_denoiser.").parameters.map(\.value))
        let settings = AdamW.Settings(
            learningRate: try number("learning_rate"), weightDecay: try number("weight_decay"))
        let step = FlowMatchingStep(
            model: model, optimizer: AdamW(model.parameters, settings: settings), averages: [average],
            gradientClip: Double(try number("max_norm")))
        let (data, noise) = (try file.tensor("train.x"), try file.tensor("train.noise"))
        let (times, labels) = (try file.tensor("train.t").values, try file.integers("train.y"))
        let shift = try number("shift")
        let (batch, shape) = (data.shape[1], Array(data.shape.dropFirst()))
        let results = try (0..<data.shape[0]).map { index in
            try step([
                TrainingBatch(
                    data: data.rows(index..<index + 1).reshaped(shape),
                    noise: noise.rows(index..<index + 1).reshaped(shape),
                    times: times[index * batch..<(index + 1) * batch].map { shiftedTime($0, by: shift) },
                    condition: ClassCondition(Array(labels[index * batch..<(index + 1) * batch])))
            ])
        }
        expectClose(Tensor(results.map(\.loss), shape: [5]), try file.tensor("train.loss"), .run, "losses")
        expectClose(
            Tensor(results.map { Float($0.gradientNorm) }, shape: [5]), try file.tensor("train.gradient_norm"), .run,
            "norms before clipping")
        for (parameter, mean) in zip(model.parameters, average.values) {
            let name = parameter.name
            expectClose(parameter.value, try file.tensor("final.denoiser.\(name)"), .run, name)
            expectClose(mean, try file.tensor("final.ema_denoiser.\(name)"), .run, "average of \(name)")
        }
    }

    private func take(
        _ step: FlowMatchingStep, data: Float = 0.5, time: Float = 0.5
    ) throws -> OptimizationResult {
        try step([
            TrainingBatch(
                data: Tensor(repeating: data, shape: [1, 3, 8, 8]),
                noise: Tensor(repeating: 0.25, shape: [1, 3, 8, 8]), times: [time], condition: ClassCondition([2]))
        ])
    }

    /// Clipping to the norm of the gradients changes nothing; clipping to half of it halves them.
    @Test func clippingActsAboveTheLimitOnly() throws {
        func weights(clip: Double?) throws -> (norm: Double, moment: [Float]) {
            let model = try model()
            let optimizer = AdamW(model.parameters, settings: AdamW.Settings())
            let step = FlowMatchingStep(model: model, optimizer: optimizer, gradientClip: clip)
            let norm = try take(step).gradientNorm
            return (norm, optimizer.firstMoments.flatMap(\.values))
        }
        let free = try weights(clip: nil)
        #expect(try weights(clip: 10 * free.norm).moment == free.moment)
        let halved = try weights(clip: free.norm / 2)
        #expect(halved.norm == free.norm, "the norm is told as it was before clipping")
        expectClose(
            Tensor(halved.moment, shape: [halved.moment.count]),
            Tensor(free.moment.map { $0 / 2 }, shape: [free.moment.count]))
    }

    @Test func aLossThatIsNotFiniteLeavesEverythingAsItWas() throws {
        let model = try model()
        let average = MovingAverage(decay: 0.5, startingFrom: model.parameters.map(\.value))
        let optimizer = AdamW(model.parameters, settings: AdamW.Settings())
        let step = FlowMatchingStep(model: model, optimizer: optimizer, averages: [average])
        _ = try take(step)
        let before = (model.parameters.map(\.value.values), average.values.map(\.values), optimizer.firstMoments)
        let error = #expect(throws: NotFiniteError.self) { try take(step, data: .infinity) }
        expectSentence((error?.description ?? "") + ".", naming: ["step 2", "not finite"])
        #expect(model.parameters.map(\.value.values) == before.0)
        #expect(average.values.map(\.values) == before.1)
        #expect(optimizer.firstMoments.map(\.values) == before.2.map(\.values))
        #expect(optimizer.step == 1)
    }

    @Test func aWeightThatIsNotFiniteIsNamed() throws {
        let model = try model()
        let step = FlowMatchingStep(
            model: model, optimizer: AdamW(model.parameters, settings: AdamW.Settings()))
        let bad = try #require(model.parameters.first { $0.name == "blocks.1.mlp.w3.weight" })
        bad.value.withUnsafeMutableBuffer { $0[11] = .nan }
        let error = #expect(throws: NotFiniteError.self) { try take(step) }
        expectSentence((error?.description ?? "") + ".", naming: ["step 1", bad.name, "learning rate"])
    }

    /// Splitting a batch into passes changes only the order of sums in the gradient.
    @Test func accumulationGivesTheGradientOfTheWholeBatch() throws {
        let file = try Fixtures.pixnerd("tiny-reference-16x16")
        let (x, times, labels) = (try file.tensor("x"), try file.tensor("t").values, try file.integers("y"))
        let noise = Tensor.normal(x.shape) { RandomStream(seed: 1, purpose: .test, index: $0) }
        func part(_ range: Range<Int>) -> TrainingBatch {
            TrainingBatch(
                data: x.rows(range), noise: noise.rows(range), times: Array(times[range]),
                condition: ClassCondition(Array(labels[range])))
        }
        let model = try model()
        let step = FlowMatchingStep(model: model, optimizer: AdamW(model.parameters, settings: AdamW.Settings()))
        let whole = step.gradient([part(0..<3)])
        let expected = model.parameters.compactMap(\.gradient).map { $0.copied() }
        let pieces = step.gradient((0..<3).map { part($0..<$0 + 1) })
        expectClose(Tensor(pieces.pictures.flow, shape: [3]), Tensor(whole.pictures.flow, shape: [3]))
        #expect(abs(pieces.mean / whole.mean - 1) < 1e-5 && pieces.pictures.align == nil)
        for (parameter, gradient) in zip(model.parameters, expected) {
            expectClose(try #require(parameter.gradient), gradient, .oneOperator, parameter.name)
        }
    }

    /// In bf16 a single pass keeps gradients in bf16; sums over several passes are float32, as in fp32.
    @Test(.whereBFloat16IsHad, arguments: [(Precision.bf16, 1), (.bf16, 2), (.fp32, 1)])
    func gradientsAreRoundedWhereNothingIsAdded(precision: Precision, batches: Int) throws {
        let model = try model()
        let step = FlowMatchingStep(model: model, optimizer: AdamW(model.parameters, settings: AdamW.Settings()))
        let batch = TrainingBatch(
            data: Tensor(zeros: [1, 3, 8, 8]), noise: Tensor(repeating: 0.25, shape: [1, 3, 8, 8]), times: [0.5],
            condition: ClassCondition([2]))
        try precision { _ = step.gradient([TrainingBatch](repeating: batch, count: batches)) }
        let rounded = model.parameters.filter {
            if case .bfloat16 = $0.storedGradient { true } else { false }
        }
        #expect(rounded.isEmpty == (precision == .fp32 || batches > 1))
        #expect(rounded.allSatisfy { $0.value.shape.count == 2 })
    }

    @Test func askedToSkipAStepLeavesTheWeights() throws {
        let model = try model()
        let step = FlowMatchingStep(model: model, optimizer: AdamW(model.parameters, settings: AdamW.Settings()))
        let before = model.parameters.map(\.value.values)
        let batch = TrainingBatch(
            data: Tensor(zeros: [1, 3, 8, 8]), noise: Tensor(repeating: 0.25, shape: [1, 3, 8, 8]), times: [0.5],
            condition: ClassCondition([2]))
        var norms: [Double] = []
        let result = try step([batch]) { norm in
            norms.append(norm)
            return true
        }
        #expect(result.isSkipped && norms == [result.gradientNorm])
        #expect(model.parameters.map(\.value.values) == before)
        #expect(step.optimizer.step == 0)
    }
}
