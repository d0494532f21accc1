import Foundation
import PixNerdCheckpoints
import PixNerdImages
import PixNerdModels
import PixNerdSupport
import PixNerdTestSupport
import Testing

@testable import PixNerdTraining

/// Runs that begin with the weights of another run.
@Suite struct BeginningTests {
    /// A run of classes beside captioned images, and what makes a run of captions begin as it.
    private static func withClasses(_ body: (TinyRuns, RunDirectory) throws -> Void) throws {
        try TinyRuns.withCaptions { runs in
            try ShapesDataset.write(to: runs.pictures, imagesPerClass: 4, size: 16, seed: 5)
            try body(runs, try runs.train("classes").run)
        }
    }

    private static func onCaptions(
        _ runs: TinyRuns, from: RunDirectory, _ modulation: DenoiserOptions.Modulation = .perBlock
    ) -> (inout Configuration) -> Void {
        {
            runs.onCaptions(&$0)
            $0.model.conditioning = .cross
            $0.model.modulation = modulation
            $0.from = from.path
        }
    }

    /// Until its first step a run has the weights that it began with, and what is new has no effect.
    @Test(arguments: [DenoiserOptions.Modulation.perBlock, .single])
    func captionsBeginAsClasses(modulation: DenoiserOptions.Modulation) throws {
        try Self.withClasses { runs, classes in
            var configuration = runs.configuration("text")
            Self.onCaptions(runs, from: classes, modulation)(&configuration)
            let preparation = try DenoiserPreparation(configuration, allowsOtherAutoencoder: false)
            let task = try #require(try preparation.begin() as? DenoiserTask)
            let source = try DenoiserCheckpoint(path: classes.path).load(.ema)
            let known = Dictionary(uniqueKeysWithValues: source.parameters.map { ($0.name, $0.value.values) })
            let taken = task.parameters.filter { known[$0.name] != nil }
            #expect(taken.count == known.count - (modulation == .single ? 5 : 1))
            for parameter in taken { #expect(parameter.value.values == known[parameter.name], "\(parameter.name)") }
            #expect(
                preparation.description.contains {
                    $0.name == "start" && $0.text.contains("what reads captions is new")
                })
        }
    }

    /// The checkpoint holds the constants of its model, and a stopped run resumes to the bit.
    @Test func aRunOfCaptionsResumesToTheBit() throws {
        try Self.withClasses { runs, classes in
            func change(_ configuration: inout Configuration) {
                Self.onCaptions(runs, from: classes, .single)(&configuration)
                configuration.training.labelDropout = 0.4
            }
            let whole = try runs.train("whole", change).run
            try runs.train("stopped", stopAfter: 4, change)
            let resumed = try runs.train("stopped", resume: true, change)
            #expect(resumed.isFinished && resumed.log == [])
            expectSame(try runs.files(whole), try runs.files(resumed.run))
            let checkpoint = try DenoiserCheckpoint(path: whole.path)
            let sizes = try #require(checkpoint.architecture(.ema) as? PixNerdArchitecture)
            #expect(
                sizes.captions?.width == 24 && sizes.captions?.length == 10 && sizes.captions?.modulation == .single)
            #expect(try checkpoint.load(.ema).constants.map(\.name) == ["y_embedder.y_embedding"])
        }
    }

    /// A run of the same sizes begins with all weights.
    @Test func theNextStageHasTheWeightsOfTheLast() throws {
        try Self.withClasses { runs, classes in
            var configuration = runs.configuration("next")
            configuration.from = "\(classes.path)@3"
            configuration.data.imageSize = 24
            let task = try DenoiserPreparation(configuration, allowsOtherAutoencoder: false).begin()
            let source = try DenoiserCheckpoint(path: classes.stepPath(3)).load(.ema)
            #expect(task.parameters.map(\.value.values) == source.parameters.map(\.value.values))
        }
    }

    @Test func cachedCaptionsGiveTheSameRun() throws {
        try Self.withClasses { runs, classes in
            let cache = try runs.encodeCaptions()
            func change(_ configuration: inout Configuration) { Self.onCaptions(runs, from: classes)(&configuration) }
            let live = try runs.metrics(runs.train("live", change).run).map(\.loss)
            let cached = try runs.metrics(
                runs.train("cached") {
                    change(&$0)
                    $0.text.cache = cache
                }.run
            ).map(\.loss)
            // Rows of a cache are in bf16, and the model hardly reads them yet.
            #expect(zip(live, cached).allSatisfy { abs($0 - $1) < 1e-3 * $0 }, "\(live) \(cached)")
        }
    }

    @Test func conditioningThatDoesNotFitIsRefused() throws {
        try Self.withClasses { runs, _ in
            func refusal(_ change: (inout Configuration) -> Void) -> String {
                sentence { try runs.train("other", change) }
            }
            expectSentence(refusal { $0.model.conditioning = .cross }, naming: ["model.conditioning", "text.encoder"])
            expectSentence(refusal { $0.model.modulation = .single }, naming: ["model.modulation", "joint_attention"])
            let cache = try runs.encodeCaptions()
            expectSentence(
                refusal {
                    runs.onCaptions(&$0)
                    $0.model.conditioning = .cross
                    ($0.text.encoder, $0.text.cache) = ("", cache)
                }, naming: ["model.conditioning", "text.cache", "text.encoder"])
        }
    }

    @Test func whatDoesNotFitIsRefused() throws {
        try Self.withClasses { runs, classes in
            func refusal(_ change: (inout Configuration) -> Void) -> String {
                runs.refusal(from: classes, change)
            }
            expectSentence(refusal { $0.model.hiddenSize = 32 }, naming: ["from", classes.path, "hidden_size 32"])
            expectSentence(refusal { $0.training.target = .picture }, naming: ["from", "training.target"])
            expectSentence(refusal { $0.from = "\(runs.directory)/nothing" }, naming: ["nothing"])
            expectSentence(
                refusal {
                    runs.onCaptions(&$0)
                    $0.model.conditioning = .cross
                    $0.model.fieldWidth = 16
                }, naming: ["from", "hidden_size_x 16"])
        }
    }
}
