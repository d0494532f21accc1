import Foundation
import PixNerdCheckpoints
import PixNerdImages
import PixNerdModels
import PixNerdTestSupport
import Testing

@testable import PixNerdTraining

/// Training on captions, encoded in each step or ahead.
@Suite struct TextTrainingTests {
    @Test func theLossFallsAndTheCheckpointKnowsItsEncoder() throws {
        try TinyRuns.withCaptions { runs in
            let run = try runs.train("run") {
                runs.onCaptions(&$0)
                $0.training.steps = 60
                $0.training.batchSize = 12
                $0.training.learningRate = 5e-3
                $0.training.logEvery = 10
                $0.training.saveEvery = 60
                $0.text.emptyPrompt = .seesPadding
            }.run
            let losses = try runs.metrics(run).map(\.loss)
            #expect(losses[5] < 0.9 * losses[0], "\(losses)")
            let checkpoint = try DenoiserCheckpoint(path: run.path)
            let recorded = try #require(checkpoint.textEncoder)
            let own = try TextEncoder(path: TinyRuns.encoder).identity
            #expect(recorded.encoder == own && recorded.emptyPrompt == .seesPadding)
            #expect(recorded.encoder.path == TinyRuns.encoder && recorded.encoder.width == 24)
            let architecture = try #require(checkpoint.architecture(.ema) as? TextPixNerdArchitecture)
            #expect(architecture.textWidth == 24 && architecture.textLength == 10 && architecture.textBlocks == 1)
        }
    }

    @Test(arguments: [false, true], [1, 4])
    func aStoppedRunResumesToTheBit(isCached: Bool, step: Int) throws {
        try TinyRuns.withCaptions { runs in
            let cache = isCached ? try runs.encodeCaptions() : ""
            func change(_ configuration: inout Configuration) {
                runs.onCaptions(&configuration)
                configuration.training.accumulate = 2
                configuration.training.labelDropout = 0.3
                configuration.data.flip = true
                if isCached { (configuration.text.encoder, configuration.text.cache) = ("", cache) }
            }
            let whole = try runs.train("whole", change).run
            try runs.train("stopped", stopAfter: step, change)
            let resumed = try runs.train("stopped", resume: true, change)
            #expect(resumed.isFinished && resumed.log == [])
            expectSame(try runs.files(whole), try runs.files(resumed.run))
        }
    }

    /// Rows of a cache are in bf16, so the course is nearly the same.
    @Test func cachedRowsMakeNearlyTheSameRun() throws {
        try TinyRuns.withCaptions { runs in
            let cache = try runs.encodeCaptions()
            func losses(_ name: String, encoder: String, cache: String) throws -> [Double] {
                try runs.metrics(
                    runs.train(name) {
                        runs.onCaptions(&$0)
                        ($0.text.encoder, $0.text.cache) = (encoder, cache)
                    }.run
                ).map(\.loss)
            }
            let inStep = try losses("step", encoder: TinyRuns.encoder, cache: "")
            let cached = try losses("cached", encoder: "", cache: cache)
            #expect(inStep.count == 6 && cached.count == 6 && inStep != cached)
            for (a, b) in zip(inStep, cached) { #expect(abs(a - b) < 5e-3 * a, "\(a) in the step, \(b) cached") }
            // With the encoder too, which encodes the prompts of previews, the captions come from the cache.
            #expect(try losses("both", encoder: TinyRuns.encoder, cache: cache) == cached)
        }
    }

    /// A text that is dropped is the empty one, whatever the caption says.
    @Test func droppedTextsAreTheEmptyOne() throws {
        try TinyRuns.withCaptions { runs in
            func losses(_ name: String, dropout: Float, emptyPrompt: EmptyPrompt = .seesNothing) throws -> [Double] {
                try runs.metrics(
                    runs.train(name) {
                        runs.onCaptions(&$0)
                        $0.training.labelDropout = dropout
                        $0.text.emptyPrompt = emptyPrompt
                    }.run
                ).map(\.loss)
            }
            let (none, some) = (try losses("none", dropout: 0), try losses("some", dropout: 0.5))
            let all = try losses("all", dropout: 1)
            #expect(some != all && some != none && none != all)
            #expect(try losses("padding", dropout: 1, emptyPrompt: .seesPadding) != all)
            for number in 1...12 { try runs.rewrite(number, Data()) }
            #expect(try losses("empty", dropout: 0) == all)
            #expect(try losses("both", dropout: 0.5) == all)
        }
    }

    @Test func captionsDecideTheRun() throws {
        try TinyRuns.withCaptions { runs in
            let first = try runs.files(runs.train("first") { runs.onCaptions(&$0) }.run)
            expectSame(first, try runs.files(runs.train("second") { runs.onCaptions(&$0) }.run))
            for number in 1...12 { try runs.rewrite(number, Data("another text \(number)\n".utf8)) }
            let other = try runs.files(runs.train("other") { runs.onCaptions(&$0) }.run)
            #expect(first["denoiser.safetensors"] != other["denoiser.safetensors"])
        }
    }

    @Test func previewsSampleCaptionsOrTheLinesOfAFile() throws {
        try TinyRuns.withCaptions { runs in
            try "a red ring\n\na blue star\n".write(
                toFile: "\(runs.directory)/prompts.txt", atomically: true, encoding: .utf8)
            func preview(_ name: String, _ change: (inout Configuration) -> Void) throws -> RGBImage {
                let run = try runs.train(name) {
                    runs.onCaptions(&$0)
                    $0.training.previewEvery = 6
                    change(&$0)
                }.run
                let found = try FileManager.default.subpathsOfDirectory(atPath: run.path).first { $0.hasSuffix(".png") }
                return try ImageFile.read("\(run.path)/\(try #require(found))")
            }
            let captions = try preview("captions") { _ in }
            let lines = try preview("lines") { $0.sampling.prompts = "\(runs.directory)/prompts.txt" }
            // Three captions of the data, and two lines.
            #expect(captions.height > 3 * 64 && captions.height < 4 * 64)
            #expect(lines.height > 2 * 64 && lines.height < 3 * 64)
            // A cache without these texts cannot make them.
            let cache = try runs.encodeCaptions()
            expectSentence(
                sentence {
                    _ = try preview("cached") {
                        ($0.text.encoder, $0.text.cache) = ("", cache)
                        $0.sampling.prompts = "\(runs.directory)/prompts.txt"
                    }
                }, naming: [cache, "holds no text 'a red ring'", "sampling.prompts"])
            let more = try runs.encodeCaptions(to: "text-of-more", more: ["a red ring", "a blue star"])
            let cached = try preview("more") {
                ($0.text.encoder, $0.text.cache) = ("", more)
                $0.sampling.prompts = "\(runs.directory)/prompts.txt"
            }
            #expect(cached.height == lines.height)
        }
    }

    @Test func memoryIsEstimated() throws {
        try TinyRuns.withCaptions { runs in
            let cache = try runs.encodeCaptions()
            func memory(_ change: (inout Configuration) -> Void = { _ in }) throws -> MemoryEstimate {
                var configuration = runs.configuration("run")
                runs.onCaptions(&configuration)
                change(&configuration)
                return try DenoiserPreparation(configuration, allowsOtherAutoencoder: false).memory
            }
            let inStep = try memory()
            let cached = try memory { $0.text.cache = cache }
            // The encoder's weights, widened, and its activations.
            let encoder = try TextEncoder(path: TinyRuns.encoder).architecture
            #expect(inStep.state - cached.state == encoder.widenedBytes)
            #expect(inStep.activations > cached.activations)
            let parameters = try #require(
                DenoiserPreparation(
                    {
                        var configuration = runs.configuration("run")
                        runs.onCaptions(&configuration)
                        return configuration
                    }(), allowsOtherAutoencoder: false
                ).architecture as? TextPixNerdArchitecture
            ).parameterCount
            // Weights, gradients, two moments and an average.
            #expect(cached.state == 4 * 5 * parameters)
            #expect(try memory { $0.training.batchSize = 8 }.activations > inStep.activations * 3 / 2)
            #expect(try memory { $0.text.length = 40 }.activations > inStep.activations)
        }
    }
}
