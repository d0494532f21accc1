import PixNerdCheckpoints
import PixNerdInspection
import PixNerdLayers
import PixNerdModels
import PixNerdOptimization
import PixNerdSupport
import PixNerdTestSupport
import Testing

/// The results of `pixnerd verify` agree with PyTorch, and differ for a tampered reference.
@Suite struct ReferenceCheckTests {
    private func checkpoint(_ model: String) throws -> DenoiserCheckpoint {
        try DenoiserCheckpoint(path: Fixtures.path("pixnerd/\(model)-checkpoint.safetensors"))
    }

    private func settings(_ file: SafetensorsFile) throws -> (AdamW.Settings, averageDecay: Float) {
        let rate = try #require(Float(file.metadata["learning_rate"] ?? ""))
        let decay = try #require(Float(file.metadata["ema_decay"] ?? ""))
        return (AdamW.Settings(learningRate: rate), decay)
    }

    private func trainingComparisons(_ model: String, reference: SafetensorsFile) throws -> [Comparison] {
        let (settings, decay) = try settings(reference)
        return try ReferenceCheck(checkpoint: checkpoint(model), reference: reference, tolerance: 1e-4)
            .training(settings, averageDecay: decay)
    }

    /// The comparisons with a reference changed by `change`.
    private func comparisons(
        _ model: String, _ reference: String, without dropped: Set<String> = [],
        _ change: (String, inout [Float]) -> Void
    ) throws -> [Comparison] {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/reference.safetensors"
            try writeCopy(of: Fixtures.pixnerd("\(model)-\(reference)"), to: path, without: dropped, change)
            let file = try SafetensorsFile(path: path)
            let check = try ReferenceCheck(checkpoint: checkpoint(model), reference: file, tolerance: 1e-4)
            guard check.hasVelocity else { return try trainingComparisons(model, reference: file) }
            return [try check.velocity(.ema)]
        }
    }

    @Test(arguments: [
        ("tiny", "16x16", WeightKind.ema), ("tiny", "24x16", .ema), ("tiny", "raw-16x16", .raw), ("grey", "12x6", .ema),
    ])
    func velocityAgrees(model: String, reference: String, weights: WeightKind) throws {
        let check = ReferenceCheck(
            checkpoint: try checkpoint(model), reference: try Fixtures.pixnerd("\(model)-reference-\(reference)"),
            tolerance: 1e-4)
        #expect(check.hasVelocity && !check.hasTraining)
        let comparison = try check.velocity(weights)
        #expect(comparison.passes && comparison.relative < 1e-4, "\(comparison)")
    }

    @Test func theOtherWeightsDoNotAgree() throws {
        let check = ReferenceCheck(
            checkpoint: try checkpoint("tiny"), reference: try Fixtures.pixnerd("tiny-reference-16x16"),
            tolerance: 1e-4)
        #expect(try !check.velocity(.raw).passes)
    }

    @Test(arguments: ["tiny", "grey", "linear"])
    func lossesGradientsAndFinalWeightsAgree(model: String) throws {
        let reference = try Fixtures.pixnerd("\(model)-training")
        let results = try trainingComparisons(model, reference: reference)
        #expect(results.first?.name == "train.loss")
        let compared = Set(results.map(\.name))
        let expected = reference.names.filter { $0.hasPrefix("grad.") || $0.hasPrefix("final.") }
        #expect(compared == Set(expected + ["train.loss"]))
        #expect(expected.count == 3 * (try checkpoint(model).load(.raw).parameters.count))
        for result in results {
            #expect(result.passes, "\(result)")
            #expect(result.tolerance == (result.name.hasPrefix("grad.") ? 1e-4 : 1e-3))
        }
    }

    @Test func aVelocityThatIsAThousandthOffDoesNotPass() throws {
        let results = try comparisons("tiny", "reference-16x16") { name, values in
            if name == "velocity" { values = values.map { $0 * 1.001 } }
        }
        #expect(results.map(\.passes) == [false])
        #expect(abs(results[0].relative / 1e-3 - 1) < 0.01)
    }

    @Test(arguments: [0, 400, 2303])
    func oneWrongValueOfTheVelocityDoesNotPass(place: Int) throws {
        let results = try comparisons("tiny", "reference-16x16") { name, values in
            if name == "velocity" { values[place] += 0.1 }
        }
        #expect(results.map(\.passes) == [false])
        #expect(abs(results[0].largest - 0.1) < 1e-3)
    }

    @Test(arguments: [Float.nan, .infinity])
    func whatIsNotANumberDoesNotPass(value: Float) throws {
        let results = try comparisons("tiny", "reference-16x16") { name, values in
            if name == "velocity" { values[7] = value }
        }
        #expect(results.map(\.passes) == [false])
    }

    @Test(arguments: [
        ("train.loss", 9), ("grad.denoiser.blocks.1.attn.qkv.weight", 3),
        ("final.denoiser.blocks.0.mlp.w2.weight", 5), ("final.ema_denoiser.t_embedder.mlp.0.bias", 2),
    ])
    func aWrongTensorOfARunIsTheOneThatDoesNotPass(name: String, place: Int) throws {
        let results = try comparisons("tiny", "training") { other, values in
            guard other == name else { return }
            // A hundredth of one loss, or of a whole tensor.
            if name == "train.loss" { values[place] *= 1.01 } else { values = values.map { $0 * 1.01 } }
        }
        #expect(results.filter { !$0.passes }.map(\.name) == [name])
    }

    @Test func aRunWithAnotherLearningRateDoesNotPass() throws {
        let reference = try Fixtures.pixnerd("tiny-training")
        let results = try ReferenceCheck(checkpoint: checkpoint("tiny"), reference: reference, tolerance: 1e-4)
            .training(AdamW.Settings(learningRate: 2e-3), averageDecay: 0.9)
        #expect(results.first?.passes == false)
        // The gradients are those of the first step, before any update.
        #expect(results.allSatisfy { $0.passes || !$0.name.hasPrefix("grad.") })
    }

    @Test func partsThatAreNotThereAreNotCompared() throws {
        let names = try Fixtures.pixnerd("tiny-training").names
        let results = try comparisons(
            "tiny", "training", without: Set(names.filter { $0.hasPrefix("grad.") || $0.hasPrefix("final.ema") })
        ) { _, _ in }
        #expect(results.allSatisfy { $0.name == "train.loss" || $0.name.hasPrefix("final.denoiser.") })
        #expect(results.count > 1 && results.allSatisfy { $0.passes })
    }

    @Test(arguments: [("tiny", "grey-training"), ("grey", "tiny-training")])
    func picturesOfAnotherModelAreRefused(model: String, reference: String) throws {
        let file = try Fixtures.pixnerd(reference)
        let error = #expect(throws: PixNerdError.self) { try trainingComparisons(model, reference: file) }
        expectSentence(error?.description ?? "", naming: [file.path, "do not fit the model"])
    }

    @Test(arguments: ["x", "t", "y"])
    func aReferenceThatLacksATensorIsRefused(name: String) throws {
        let error = #expect(throws: PixNerdError.self) {
            try comparisons("tiny", "reference-16x16", without: [name]) { _, _ in }
        }
        expectSentence(error?.description ?? "", naming: ["lacks the tensor \(name)"])
    }
}
