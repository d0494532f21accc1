import PixNerdCheckpoints
import PixNerdInspection
import PixNerdLayers
import PixNerdModels
import PixNerdOptimization
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Aligned training and encoders against PyTorch.
@Suite struct AlignedReferenceTests {
    private let checkpointPath = Fixtures.path("dinov2/aligned-checkpoint.safetensors")
    private let referencePath = Fixtures.path("dinov2/aligned-training.safetensors")

    private func comparisons(
        layer: Int = 2, weight: Float = 0.7, checkpoint: String? = nil, reference: String? = nil
    ) throws -> [Comparison] {
        let file = try SafetensorsFile(path: reference ?? referencePath)
        let check = ReferenceCheck(
            checkpoint: try DenoiserCheckpoint(path: checkpoint ?? checkpointPath), reference: file, tolerance: 1e-4)
        return try check.training(
            AdamW.Settings(learningRate: 1e-3), averageDecay: 0.9, layer: layer, weight: weight)
    }

    /// The comparisons with a reference changed by `change`.
    private func changed(
        without dropped: Set<String> = [], _ change: (String, inout [Float]) -> Void
    ) throws -> [Comparison] {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/reference.safetensors"
            try writeCopy(of: SafetensorsFile(path: referencePath), to: path, without: dropped, change)
            return try comparisons(reference: path)
        }
    }

    @Test func lossesGradientsAndFinalWeightsAgree() throws {
        let results = try comparisons()
        let reference = try SafetensorsFile(path: referencePath)
        let expected = reference.names.filter { $0.hasPrefix("grad.") || $0.hasPrefix("final.") }
        #expect(Set(results.map(\.name)) == Set(expected + ["train.loss", "train.flow", "train.align"]))
        #expect(expected.filter { $0.contains(".proj.0.") }.count == 12)
        for result in results {
            #expect(result.passes, "\(result)")
            #expect(result.tolerance == (result.name.hasPrefix("grad.") ? 1e-4 : 1e-3))
        }
    }

    /// The choice of the aligned block affects the gradients before and after it.
    @Test(arguments: [1, 3])
    func anotherLayerDoesNotAgree(layer: Int) throws {
        let failed = Set(try comparisons(layer: layer).filter { !$0.passes }.map(\.name))
        #expect(failed.isSuperset(of: ["train.align", "grad.proj.0.0.weight"]))
        #expect(failed.contains("grad.denoiser.blocks.0.attn.qkv.weight"))
    }

    @Test func anotherWeightDoesNotAgree() throws {
        let failed = Set(try comparisons(weight: 0.5).filter { !$0.passes }.map(\.name))
        #expect(failed.contains("train.loss") && failed.contains("grad.proj.0.4.bias"))
        // What the field does after the tokens is the velocity's alone.
        #expect(!failed.contains("grad.denoiser.final_layer.linear.weight"))
    }

    @Test(arguments: [("train.flow", 3), ("train.align", 9), ("grad.proj.0.2.weight", 5), ("final.proj.0.4.bias", 2)])
    func aWrongTensorIsTheOneThatDoesNotPass(name: String, place: Int) throws {
        let results = try changed { other, values in
            guard other == name else { return }
            if name.hasPrefix("train.") { values[place] *= 1.01 } else { values = values.map { $0 * 1.01 } }
        }
        #expect(results.filter { !$0.passes }.map(\.name) == [name])
    }

    /// The features of one token of one image in the last step.
    @Test func otherFeaturesDoNotAgree() throws {
        let results = try changed { name, values in
            if name == "train.features" { for i in values.count - 10..<values.count { values[i] = -values[i] } }
        }
        #expect(results.contains { $0.name == "train.align" && !$0.passes })
        #expect(results.allSatisfy { $0.passes || !$0.name.hasPrefix("grad.") })
    }

    @Test func whatDoesNotFitIsRefused() throws {
        expectSentence(
            sentence { _ = try comparisons(layer: 4) }, naming: [checkpointPath, "3 transformer blocks", "layer"])
        try withTemporaryDirectory { directory in
            let bare = "\(directory)/bare.safetensors"
            let file = try SafetensorsFile(path: checkpointPath)
            try writeCopy(of: file, to: bare, without: Set(file.names.filter { $0.hasPrefix("diffusion_trainer.") }))
            expectSentence(
                sentence { _ = try comparisons(checkpoint: bare) },
                naming: [bare, "no projector", "diffusion_trainer.proj."])
            let lacking = "\(directory)/lacking.safetensors"
            try writeCopy(of: file, to: lacking, without: ["diffusion_trainer.proj.0.2.bias"])
            expectSentence(
                sentence { _ = try comparisons(checkpoint: lacking) }, naming: [lacking, "lacks proj.0.2.bias"])
            // Features of another width, and of another grid.
            for (features, needed) in [([10, 3, 6, 12], "to 10"), ([10, 3, 4, 10], "N = 6")] {
                let path = "\(directory)/features.safetensors"
                let reference = try SafetensorsFile(path: referencePath)
                let kept = reference.names.filter { $0 != "train.features" && $0 != "train.y" }
                try SafetensorsWriter.write(
                    try kept.map { ($0, try reference.tensor($0)) } + [("train.features", Tensor(zeros: features))],
                    integers: [("train.y", [10, 3], try reference.integers("train.y"))], to: path)
                expectSentence(
                    sentence { _ = try comparisons(reference: path) }, naming: [path, "train.features", needed])
            }
        }
    }

    // MARK: Encoders

    private func encoderCheck(_ reference: String, basePatch: Int = 16) throws -> Comparison {
        let encoder = try DINOv2File(path: Fixtures.path("dinov2/transformers")).load()
        return try EncoderCheck(encoder, reference: SafetensorsFile(path: reference), tolerance: 1e-4)
            .tokens(basePatch: basePatch)
    }

    @Test func anEncodersTokensAgreeOrNot() throws {
        let reference = Fixtures.path("dinov2/transformers-5x4.safetensors")
        let result = try encoderCheck(reference)
        #expect(result.passes && result.name.contains("bicubic to the size"))
        try withTemporaryDirectory { directory in
            let tampered = "\(directory)/tampered.safetensors"
            try writeCopy(of: SafetensorsFile(path: reference), to: tampered) { name, values in
                if name == "tokens" { values = values.map { $0 * 1.001 } }
            }
            #expect(try !encoderCheck(tampered).passes)
        }
        // Those of the model with registers.
        #expect(try !encoderCheck(Fixtures.path("dinov2/transformers-registers-5x4.safetensors")).passes)
    }

    @Test func picturesThatDoNotFitAnEncoderAreRefused() throws {
        let reference = Fixtures.path("dinov2/transformers-5x4.safetensors")
        expectSentence(
            sentence { _ = try encoderCheck(reference, basePatch: 12) },
            naming: [reference, "image", "multiples of 12", "basePatch"])
        expectSentence(
            sentence { _ = try encoderCheck(reference, basePatch: 8) }, naming: [reference, "tokens", "width 24"])
        try withTemporaryDirectory { directory in
            let normalised = "\(directory)/normalised.safetensors"
            try writeCopy(of: SafetensorsFile(path: reference), to: normalised) { name, values in
                if name == "image" { values = values.map { 2 * $0 - 1 } }
            }
            expectSentence(sentence { _ = try encoderCheck(normalised) }, naming: [normalised, "image", "0 to 1"])
        }
    }
}
