import Foundation
import PixNerdImages
import PixNerdTestSupport
import PixNerdTraining
import Testing

/// Encoders, features and checkpoints that do not fit an aligned run are refused.
@Suite struct AlignmentRefusalTests {
    private func refuse(
        _ runs: TinyRuns, naming needed: [String], sourceLocation: SourceLocation = #_sourceLocation,
        _ change: @escaping (inout Configuration) -> Void
    ) {
        let text = sentence { _ = try runs.train("refused", change) }
        expectSentence(text, naming: needed, sourceLocation: sourceLocation)
        #expect(
            !FileManager.default.fileExists(atPath: "\(runs.directory)/refused"),
            "a run that is refused leaves nothing",
            sourceLocation: sourceLocation)
    }

    @Test func whatDoesNotFitTheModelIsRefused() throws {
        try TinyRuns.with { runs in
            refuse(runs, naming: ["no encoder missing.pth"]) {
                runs.align(&$0)
                $0.repa.encoder = "missing.pth"
            }
            refuse(runs, naming: ["repa.layer is 3", "1 to 2"]) {
                runs.align(&$0)
                $0.repa.layer = 3
            }
            refuse(runs, naming: ["repa.base_patch 8", "4 x 4"]) {
                runs.align(&$0)
                $0.repa.basePatch = 8
            }
            refuse(runs, naming: ["hub.pth", "heads", "repa.heads"]) {
                runs.align(&$0)
                $0.repa.encoder = Fixtures.path("dinov2/hub.pth")
            }
            refuse(runs, naming: ["tiny-checkpoint", "not a DINOv2"]) {
                runs.align(&$0)
                $0.repa.encoder = Fixtures.path("pixnerd/tiny-checkpoint.safetensors")
            }
        }
    }

    @Test func featuresOfOtherCropsAndPicturesAreRefused() throws {
        try TinyRuns.with { runs in
            refuse(runs, naming: ["features", "features.json"]) { runs.fromCache(&$0) }
            try runs.encodeFeatures()
            refuse(runs, naming: ["data.flip is true", "data.flip to false"]) {
                runs.fromCache(&$0)
                $0.data.flip = true
            }
            refuse(runs, naming: ["data.crop is resized", "data.crop to center"]) {
                runs.fromCache(&$0)
                $0.data.crop = .resized
            }
            refuse(runs, naming: ["data.image_size 16", "is 32"]) {
                runs.fromCache(&$0)
                $0.data.imageSize = 32
            }
            refuse(runs, naming: ["data.fast_decode false", "is true"]) {
                runs.fromCache(&$0)
                $0.data.fastDecode = true
            }
            refuse(runs, naming: ["another encoder", "repa.encoder"]) {
                runs.fromCache(&$0)
                $0.repa.encoder = Fixtures.path("dinov2/transformers")
            }
            let other = "\(runs.directory)/other"
            try ShapesDataset.write(to: other, imagesPerClass: 3, size: 16, seed: 5)
            refuse(runs, naming: ["other images", "32", "24"]) {
                runs.fromCache(&$0)
                $0.data.root = other
            }
            try FileManager.default.removeItem(atPath: "\(runs.directory)/features/features-000000.safetensors")
            refuse(runs, naming: ["features-000000.safetensors is missing"]) { runs.fromCache(&$0) }
        }
    }

    /// An image with the same name but other content.
    @Test func featuresOfAPictureThatHasChangedAreNotUsed() throws {
        try TinyRuns.with { runs in
            try runs.encodeFeatures()
            try FileManager.default.removeItem(atPath: runs.pictures)
            try ShapesDataset.write(to: runs.pictures, imagesPerClass: 4, size: 16, seed: 6)
            let text = sentence { _ = try runs.train("run") { runs.fromCache(&$0) } }
            expectSentence(text, naming: [runs.pictures, "not the image", "encode features"])
        }
    }

    @Test func encodingIntoWhatIsThereIsRefused() throws {
        try TinyRuns.with { runs in
            try runs.encodeFeatures()
            expectSentence(
                sentence { try runs.encodeFeatures(encoder: "transformers") }, naming: ["features", "another encoder"])
            expectSentence(
                sentence { try runs.encodeFeatures(to: "pictures") }, naming: ["pictures", "something other"])
            expectSentence(
                sentence { try runs.encodeFeatures(to: "more", size: 18) }, naming: ["is 18", "nearest", "20"])
        }
    }

    @Test func resumingWithAnotherEncoderOrProjectorIsRefused() throws {
        try TinyRuns.with { runs in
            try runs.train("run", stopAfter: 3, runs.align)
            func refusal(_ name: String = "run", _ change: @escaping (inout Configuration) -> Void) -> String {
                sentence { _ = try runs.train(name, resume: true, change) }
            }
            expectSentence(
                refusal {
                    runs.align(&$0)
                    $0.repa.encoder = Fixtures.path("dinov2/transformers")
                }, naming: ["step-0000003", "another encoder"])
            expectSentence(
                refusal {
                    runs.align(&$0)
                    $0.repa.projectorWidth = 40
                }, naming: ["step-0000003", "16", "40"])
            try runs.train("plain", stopAfter: 3) { $0.model.patchSize = 4 }
            expectSentence(refusal("plain", runs.align), naming: ["step-0000003", "without alignment"])
            // Ending alignment early is allowed, with a warning.
            let ended = try runs.train("run", resume: true) {
                runs.align(&$0)
                $0.repa.encoder = ""
            }
            #expect(ended.isFinished && ended.log.count == 1 && ended.log[0].contains("results will differ"))
        }
    }
}
