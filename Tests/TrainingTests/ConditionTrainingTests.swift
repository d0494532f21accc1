import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Testing

@testable import PixNerdTraining

/// Runs of models that read pictures beside the noisy pixels (`data.condition`).
@Suite struct ConditionTrainingTests {
    @Test(arguments: ["grey", "small", "masked"]) func aStoppedRunResumesToTheBit(kind: String) throws {
        try TinyRuns.with { runs in
            func change(_ configuration: inout Configuration) {
                configuration.data.condition = kind
                configuration.data.flip = true
                configuration.training.fieldSizes = [24]
                configuration.training.previewEvery = 3
                configuration.training.recompute = kind == "small"
                holdOutEighth(&configuration)
            }
            let (whole, resumed) = try runs.wholeAndResumed(stopAfter: 4, change)
            #expect(resumed.log == [])
            expectSame(try runs.files(whole), try runs.files(resumed.run))
            let checkpoint = try DenoiserCheckpoint(path: whole.path)
            #expect(try checkpoint.pictureInput == PictureInput(try #require(PictureInput.Kind(rawValue: kind))))
            #expect(
                try checkpoint.architecture(.ema).pictureChannels == ["grey": 1, "small": 3, "masked": 4][kind])
            #expect(
                try checkpoint.tensors(.raw).tensor("picture_embedder.proj.weight").values.contains { $0 != 0 })
            #expect(!(try runs.heldOut(whole)).isEmpty)
            guard kind == "small" else { return }
            expectSentence(
                sentence {
                    try runs.train("stopped", resume: true) {
                        change(&$0)
                        $0.data.conditionScale = 2
                        $0.training.steps = 8
                    }
                }, naming: ["4 times smaller", "2 times smaller", "data.condition"])
        }
    }

    /// A model that begins as one without pictures has its loss before the first step.
    @Test func theFirstLossIsThatOfTheModelItBeginsAs() throws {
        try TinyRuns.with { runs in
            let base = try runs.train("base").run
            func losses(_ name: String, _ condition: String) throws -> [Double] {
                try runs.metrics(
                    runs.train(name) {
                        $0.from = base.path
                        $0.data.condition = condition
                        $0.training.fieldSizes = [24]
                    }.run
                ).map(\.loss)
            }
            let (plain, masked) = try (losses("plain", ""), losses("masked", "masked"))
            #expect(abs(plain[0] - masked[0]) < 1e-5 * plain[0])
            #expect(plain.last != masked.last)
        }
    }

    /// Pictures are made of what is trained on: after crop and flip, and at the size of the step.
    @Test func picturesGoWithCropAndFlip() throws {
        try TinyRuns.with { runs in
            var configuration = runs.configuration("grey")
            configuration.data.condition = "grey"
            let preparation = try DenoiserPreparation(configuration, allowsOtherAutoencoder: false)
            let task = try #require(try preparation.begin() as? DenoiserTask)
            let image = try preparation.pictures.read([9])[0].get()
            let loaded = LoadedBatch(pixels: .bytes(image.pixels), labels: [0], indices: [9], imageSize: 16).mirrored
            let batch = try task.batch(loaded, step: 0, first: 0).pictures
            let shown = try #require(batch.condition.pictures)
            #expect(shown.tensor.values == PictureInput(.grey).pictures(of: batch.data).values)
            #expect(Set(shown.tensor.values).count > 2)
        }
    }

    /// A folder of the images themselves is read as these are, flipped as they are.
    @Test func picturesOfAFolder() throws {
        try TinyRuns.with { runs in
            func change(_ configuration: inout Configuration) {
                configuration.data.condition = runs.pictures
                configuration.data.flip = true
                configuration.training.previewEvery = 3
            }
            let (whole, resumed) = try runs.wholeAndResumed(stopAfter: 4, change)
            expectSame(try runs.files(whole), try runs.files(resumed.run))
            let preparation = try DenoiserPreparation(
                {
                    var configuration = runs.configuration("folder")
                    change(&configuration)
                    return configuration
                }(), allowsOtherAutoencoder: false)
            #expect(preparation.description.contains { $0.name == "condition" && $0.text.contains(runs.pictures) })
            let task = try #require(try preparation.begin() as? DenoiserTask)
            let reader = CropReader(
                preparation.pictures, companions: preparation.companions, imageSize: 16,
                decoding: preparation.decoding)
            let batch = try task.batch(reader.read(3).mirrored, step: 0, first: 0).pictures
            #expect(batch.condition.pictures?.tensor.values == batch.data.values)
        }
    }

    @Test func masksLeaveOutPartsOfEverySize() {
        let masks = (0..<400).map { index in
            var numbers = RandomStream(seed: 1, purpose: .pictureMasks, index: index)
            return RandomMask.draw(height: 24, width: 32, &numbers)
        }
        let shares = masks.map { $0.values.reduce(0, +) / Float($0.count) }
        #expect(masks.allSatisfy { $0.shape == [1, 1, 24, 32] && $0.values.allSatisfy { $0 == 0 || $0 == 1 } })
        #expect(shares.allSatisfy { $0 > 0 })
        let all = shares.filter { $0 == 1 }.count
        #expect((20...80).contains(all) && shares.contains { $0 < 0.1 })
        // A mask looks alike at every size.
        for index in 0..<20 {
            var (one, other) = (
                RandomStream(seed: 2, purpose: .pictureMasks, index: index),
                RandomStream(seed: 2, purpose: .pictureMasks, index: index)
            )
            let (small, large) = (
                RandomMask.draw(height: 32, width: 32, &one), RandomMask.draw(height: 64, width: 64, &other)
            )
            let difference = zip(small.values, averagedByArea(large, height: 32, width: 32).values)
                .reduce(Float(0)) { $0 + abs($1.0 - $1.1) }
            #expect(difference / 1024 < 0.1)
        }
        var numbers = RandomStream(seed: 3, purpose: .pictureMasks)
        #expect(RandomMask.draw(height: 1, width: 1, &numbers).values == [1])
    }

    @Test func whatDoesNotFitIsRefused() throws {
        try TinyRuns.with { runs in
            func refusal(_ change: (inout Configuration) -> Void) -> String {
                sentence {
                    try runs.train("other") {
                        $0.data.condition = "masked"
                        change(&$0)
                    }
                }
            }
            expectSentence(
                refusal { $0.data.condition = "/nowhere/pictures" }, naming: ["/nowhere/pictures"])
            expectSentence(
                refusal {
                    $0.data.condition = "small"
                    $0.data.conditionScale = 3
                }, naming: ["data.condition_scale", "3", "16 x 16"])
            expectSentence(refusal { $0.data.conditionScale = 2 }, naming: ["data.condition_scale", "masked"])
            expectSentence(
                refusal {
                    $0.data.condition = ""
                    $0.data.conditionScale = 2
                }, naming: ["data.condition_scale", "data.condition"])
            expectSentence(
                refusal {
                    $0.data.condition = "grey"
                    $0.data.channels = "grey"
                }, naming: ["data.condition", "grey", "rgb"])
            expectSentence(refusal { $0.space = .latent }, naming: ["data.condition", "latent"])
            expectSentence(refusal { $0.fewSteps.method = .meanFlow }, naming: ["data.condition", "meanflow"])
            expectSentence(
                refusal { $0.control.edges = .canny }, naming: ["from"])
            expectSentence(refusal { $0.kind = .autoencoder }, naming: ["data.condition", "autoencoder"])
            let others = "\(runs.directory)/others"
            try ShapesDataset.write(to: others, imagesPerClass: 1, size: 16, seed: 6)
            expectSentence(
                refusal {
                    $0.data.condition = runs.pictures
                    $0.data.holdoutRoot = others
                }, naming: ["data.condition", "data.holdout_root"])
        }
    }
}
