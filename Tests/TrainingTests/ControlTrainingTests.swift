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

/// Runs that train a ControlNet of another run's model.
@Suite struct ControlTrainingTests {
    private static func withBase(_ body: (TinyRuns, RunDirectory) throws -> Void) throws {
        try TinyRuns.with { runs in try body(runs, try runs.train("base").run) }
    }

    private static func onEdges(_ base: RunDirectory) -> (inout Configuration) -> Void {
        {
            $0.control.edges = .canny
            $0.from = base.path
            $0.data.flip = true
        }
    }

    /// The model stays as it is, to the bit; the checkpoint holds it and names it.
    @Test func onlyTheControlNetIsTrained() throws {
        try Self.withBase { runs, base in
            let run = try runs.train("control", Self.onEdges(base)).run
            let checkpoint = try DenoiserCheckpoint(path: run.path)
            let source = try DenoiserCheckpoint(path: base.path)
            for kind in WeightKind.allCases {
                let tensors = try checkpoint.tensors(kind)
                let own = try source.tensors(.ema)
                for name in own.names {
                    #expect(try tensors.tensor(name).values == own.tensor(name).values, "\(kind) \(name)")
                }
                #expect(try tensors.tensor("controlnet.0.after_proj.weight").values.contains { $0 != 0 })
            }
            #expect(try checkpoint.architecture(.raw).controlBlocks == 1)
            let record = try #require(checkpoint.controlRecord)
            #expect(record.edges == "canny" && record.base == source.path)
            #expect(try record.fingerprint == source.baseFingerprint(.ema))
            // Its ControlNet fits the base's EMA, and no other weights.
            let joined = try source.controlled(by: run.path, .ema)
            let (whole, parts) = (try checkpoint.load(.ema), try joined.load(.ema))
            #expect(
                zip(whole.parameters + whole.constants, parts.parameters + parts.constants).allSatisfy {
                    $0.name == $1.name && $0.value.values == $1.value.values
                })
            expectSentence(
                sentence { _ = try source.controlled(by: run.path, .raw) }, naming: [run.path, base.path, "others"])
            expectSentence(
                sentence { _ = try checkpoint.controlled(by: base.path, .ema) }, naming: [base.path, "no ControlNet"])
        }
    }

    /// Before its first step its loss is that of the model that it controls.
    @Test func theFirstLossIsThatOfItsModel() throws {
        try Self.withBase { runs, base in
            let control = try runs.metrics(runs.train("control", Self.onEdges(base)).run)
            let plain = try runs.metrics(
                runs.train("plain") {
                    $0.from = base.path
                    $0.data.flip = true
                }.run)
            #expect(control.first?.loss == plain.first?.loss)
            #expect(control.last?.loss != plain.last?.loss)
        }
    }

    @Test func aStoppedRunResumesToTheBit() throws {
        try Self.withBase { runs, base in
            func change(_ configuration: inout Configuration) {
                Self.onEdges(base)(&configuration)
                configuration.training.fieldSizes = [24]
                configuration.training.previewEvery = 3
                configuration.training.recompute = true
                configuration.control.fields = true
            }
            let (whole, resumed) = try runs.wholeAndResumed(stopAfter: 4, change)
            #expect(resumed.log == [])
            expectSame(try runs.files(whole), try runs.files(resumed.run))
            expectSentence(
                sentence {
                    try runs.train("stopped", resume: true) {
                        change(&$0)
                        $0.control.edges = .soft
                        $0.training.steps = 8
                    }
                }, naming: ["canny", "soft", "control section"])
        }
    }

    /// Control pictures are made of what is trained on: after crop and flip, and at the size of the step.
    @Test func edgesGoWithCropAndFlip() throws {
        try Self.withBase { runs, base in
            var configuration = runs.configuration("control")
            Self.onEdges(base)(&configuration)
            let preparation = try DenoiserPreparation(configuration, allowsOtherAutoencoder: false)
            let task = try #require(try preparation.begin() as? DenoiserTask)
            let collection = preparation.pictures
            let image = try collection.read([9])[0].get()
            let loaded = LoadedBatch(pixels: .bytes(image.pixels), labels: [0], indices: [9], imageSize: 16).mirrored
            let batch = try task.batch(loaded, step: 0, first: 0).pictures
            let shown = try #require(batch.condition.pictures)
            #expect(shown.tensor.shape == batch.data.shape && shown.strength == 1 && shown.times == 0...1)
            let mirrored = roundedPictures(batch.data)[0]
            #expect(mirrored != image)
            let edges = ControlPictures.tensor([Canny.usual(mirrored)], channels: 3)
            #expect(shown.tensor.values == edges.values && edges.values.contains(1))
        }
    }

    /// Pictures of a second folder are shown as edges of the same images are, and cropped and flipped as these.
    @Test func picturesOfAFolderAreShownAsEdgesAre() throws {
        try Self.withBase { runs, base in
            let folder = "\(runs.directory)/drawings"
            let images = try ImageCollection.open(root: runs.pictures)
            for (sample, image) in zip(images.samples, images.read(Array(images.samples.indices))) {
                let path = "\(folder)/\(images.companionStem(of: sample)).png"
                try FileManager.default.createDirectory(
                    at: URL(fileURLWithPath: path).deletingLastPathComponent(), withIntermediateDirectories: true)
                try ImageFile.write(Canny.usual(image.get()).raster, as: .png, to: path)
            }
            func onPictures(_ configuration: inout Configuration) {
                configuration.control.pictures = folder
                configuration.from = base.path
                configuration.training.fieldSizes = []
                holdOutEighth(&configuration)
            }
            let losses = try runs.metrics(
                runs.train("edges") {
                    onPictures(&$0)
                    $0.control.pictures = ""
                    $0.control.edges = .canny
                }.run)
            let (whole, resumed) = try runs.wholeAndResumed(stopAfter: 4) {
                onPictures(&$0)
                $0.training.previewEvery = 3
            }
            #expect(try runs.metrics(whole).map(\.loss) == losses.map(\.loss))
            #expect(try runs.heldOut(whole).map(\.holdoutLoss) == losses.compactMap(\.holdoutLoss))
            expectSame(try runs.files(whole), try runs.files(resumed.run))
            #expect(try DenoiserCheckpoint(path: whole.path).controlRecord?.edges == nil)

            let path = "\(folder)/star/00002.png"
            try ImageFile.writePNG(RGBImage(width: 17, height: 16, fill: (0, 0, 0)), to: path)
            let other = try runs.train("other") { onPictures(&$0) }
            #expect(other.log.contains { $0.contains("star/00002.png is 16x17") }, "\(other.log)")
            try FileManager.default.removeItem(atPath: path)
            expectSentence(
                sentence { try runs.train("missing") { onPictures(&$0) } }, naming: [folder, "star/00002.png"])
        }
    }

    @Test func whatDoesNotFitIsRefused() throws {
        try Self.withBase { runs, base in
            func refusal(_ change: (inout Configuration) -> Void) -> String {
                sentence {
                    try runs.train("other") {
                        Self.onEdges(base)(&$0)
                        change(&$0)
                    }
                }
            }
            expectSentence(refusal { $0.from = "" }, naming: ["control.edges", "from"])
            expectSentence(
                refusal {
                    $0.control.edges = .none
                    $0.control.blocks = 1
                }, naming: ["control.blocks", "none"])
            expectSentence(refusal { $0.control.edges = .hed }, naming: ["control.edges", "control.hed"])
            expectSentence(refusal { $0.control.network = "hed.pth" }, naming: ["control.hed", "canny"])
            expectSentence(
                refusal { $0.control.pictures = runs.pictures }, naming: ["control.pictures", "control.edges"])
            expectSentence(refusal { $0.training.train = .lora }, naming: ["control.edges", "training.train", "lora"])
            expectSentence(refusal { $0.control.blocks = 2 }, naming: ["control.blocks", "2 transformer blocks"])
            expectSentence(refusal { $0.fewSteps.method = .meanFlow }, naming: ["control.edges", "meanflow"])
            expectSentence(refusal { $0.space = .latent }, naming: ["control.edges", "latent"])
            expectSentence(refusal { $0.model.hiddenSize = 32 }, naming: ["from", "hidden_size 32"])
        }
    }
}
