import Foundation
import PixNerdCheckpoints
import PixNerdImages
import PixNerdTestSupport
import Testing

@testable import PixNerdTraining

/// What can go wrong with held-out images: bad files, other images, other shares.
@Suite struct HoldoutTroubleTests {
    @Test func anUnreadableImageIsLeftOutAndOneThatGoesAwayIsSaid() throws {
        try TinyRuns.with { runs in
            var configuration = runs.configuration("a")
            holdOutEighth(&configuration)
            let collection = try ImageCollection.open(root: runs.pictures)
            let holdout = try Holdout(configuration, collection) { _ in collection }
            let (bad, other) = (
                collection.samples[holdout.places[0]].path, collection.samples[holdout.places[1]].path
            )
            try Data("no image".utf8).write(to: URL(fileURLWithPath: bad))
            let outcome = try runs.train("a", holdOutEighth) { _, step in
                if step == 3 { try? FileManager.default.removeItem(atPath: other) }
            }
            #expect(outcome.isFinished && outcome.log.count == 3)
            #expect(
                outcome.log[0].hasPrefix("warning: A held-out image is not measured") && outcome.log[0].contains(bad))
            for (place, step) in [(1, 4), (2, 6)] {
                #expect(
                    outcome.log[place].hasPrefix("error: the held-out loss of step \(step) is not measured: "))
                #expect(outcome.log[place].contains(other))
            }
            #expect(try runs.heldOut(outcome.run).map(\.step) == [2])
        }
    }

    @Test func anotherShareIsSaidOnResume() throws {
        try TinyRuns.with { runs in
            try runs.train("a", stopAfter: 3, holdOutEighth)
            let same = try runs.train("a", resume: true, stopAfter: 4, holdOutEighth)
            #expect(same.log == [])
            let other = try runs.train("a", resume: true) {
                holdOutEighth(&$0)
                $0.data.holdout = 0.25
                $0.training.holdoutEvery = 3
            }
            #expect(other.log.contains { $0.contains("data.holdout changed from 0.125 to 0.25; results will differ") })
            #expect(
                other.log.contains {
                    $0.contains("training.holdout_every changed from 2 to 3; this does not affect training")
                })
            #expect(other.log.contains { $0.contains("the held-out images are others") })
            // Images that come or go change which are held out.
            let first = try ImageCollection.open(root: runs.pictures).samples[0].path
            for copy in 0..<8 { try FileManager.default.copyItem(atPath: first, toPath: "\(first)-\(copy).png") }
            let more = try runs.train("a", resume: true) {
                holdOutEighth(&$0)
                $0.data.holdout = 0.25
                $0.training.holdoutEvery = 3
                $0.training.steps = 7
            }
            #expect(more.log.contains { $0.contains("the held-out images are others") })
        }
    }

    @Test func imagesOfAFolderAreMeasured() throws {
        try TinyRuns.with { runs in
            let other = "\(runs.directory)/other"
            try ShapesDataset.write(to: other, imagesPerClass: 2, size: 16, seed: 6)
            func fromFolder(_ configuration: inout Configuration) {
                holdOutEighth(&configuration)
                (configuration.data.holdout, configuration.data.holdoutRoot) = (0, other)
            }
            let outcome = try runs.train("a", fromFolder)
            #expect(try outcome.log == [] && runs.heldOut(outcome.run).count == 3)
            // Training is that of a run without.
            let (files, plain) = (try runs.files(outcome.run), try runs.files(runs.train("plain").run))
            for name in files.keys where name != "state.json" { #expect(files[name] == plain[name], "\(name)") }
            expectSentence(
                sentence {
                    try runs.train("b") {
                        fromFolder(&$0)
                        $0.data.holdout = 0.1
                    }
                },
                naming: ["data.holdout_root", "data.holdout is set, too"])
            expectSentence(
                sentence {
                    try runs.train("b") {
                        fromFolder(&$0)
                        $0.data.holdoutRoot = runs.pictures + "/"
                    }
                },
                naming: ["data.holdout_root", "trained on", "data.root"])
            expectSentence(
                sentence {
                    try runs.train("b") {
                        fromFolder(&$0)
                        $0.data.holdoutRoot = "nowhere"
                    }
                },
                naming: ["data.holdout_root", "nowhere"])
            try FileManager.default.moveItem(atPath: "\(other)/heart", toPath: "\(other)/cloud")
            expectSentence(
                sentence { try runs.train("b", fromFolder) },
                naming: ["data.holdout_root", "the class cloud", "does not have"])
        }
    }
}
