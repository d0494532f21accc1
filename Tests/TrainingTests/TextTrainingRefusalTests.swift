import Foundation
import PixNerdImages
import PixNerdModels
import PixNerdTestSupport
import PixNerdTraining
import Testing

/// What is refused of captions, their caches and their encoders, each in one sentence.
@Suite struct TextTrainingRefusalTests {
    private func refused(
        _ runs: TinyRuns, _ name: String = "refused", resume: Bool = false,
        _ change: (inout Configuration) -> Void = { _ in }
    ) -> String {
        sentence {
            try runs.train(name, resume: resume) {
                runs.onCaptions(&$0)
                change(&$0)
            }
        }
    }

    @Test func cachesOfSomethingElse() throws {
        try TinyRuns.withCaptions { runs in
            let cache = try runs.encodeCaptions()
            func cached(_ configuration: inout Configuration) {
                (configuration.text.encoder, configuration.text.cache) = ("", cache)
            }
            try runs.train("good") {
                runs.onCaptions(&$0)
                cached(&$0)
            }
            expectSentence(
                refused(runs) {
                    cached(&$0)
                    $0.text.length = 12
                }, naming: [cache, "text.length 10", "text.length is 12", "pixnerd encode text"])
            expectSentence(
                refused(runs) {
                    cached(&$0)
                    $0.text.emptyPrompt = .seesPadding
                }, naming: [cache, "sees-nothing", "text.empty_prompt is sees-padding"])
            expectSentence(
                refused(runs) {
                    $0.text.cache = runs.captioned
                }, naming: [runs.captioned, "holds no text.json", "pixnerd encode text"])
            let other = try otherEncoder(runs)
            expectSentence(
                refused(runs) { ($0.text.encoder, $0.text.cache) = (other, cache) },
                naming: [cache, "another encoder", "text.encoder"])
            try runs.rewrite(7, Data("words that were not there\n".utf8))
            expectSentence(
                refused(runs) { cached(&$0) }, naming: [cache, "holds no caption 'words that were not there'"])
        }
    }

    @Test func captionsThatCannotBeRead() throws {
        try TinyRuns.withCaptions { runs in
            try runs.rewrite(3, Data([0x61, 0xE9, 0x62]))
            expectSentence(refused(runs), naming: ["000003.txt", "UTF-8"])
            try FileManager.default.removeItem(atPath: "\(runs.captioned)/000003.txt")
            expectSentence(refused(runs), naming: ["000003.png", "caption"])
            let skipped = try runs.train("skipped") {
                runs.onCaptions(&$0)
                $0.data.skipUncaptioned = true
            }
            #expect(skipped.isFinished)
        }
    }

    @Test func keysThatDoNotFit() throws {
        try TinyRuns.withCaptions { runs in
            expectSentence(
                refused(runs) {
                    $0.text.encoder = ""
                    $0.data.captionKey = "text"
                }, naming: ["data.caption_key is set", "text.encoder"])
            expectSentence(refused(runs) { $0.text.encoder = "missing" }, naming: ["missing"])
            expectSentence(
                refused(runs) {
                    $0.sampling.prompts = "missing.txt"
                    $0.training.previewEvery = 3
                },
                naming: ["missing.txt"])
            #expect(!FileManager.default.fileExists(atPath: "\(runs.directory)/refused"), "it is known at the start")
            expectSentence(
                refused(runs) { $0.data.captionTemplate = "a photo" }, naming: ["template is 'a photo'", "{}"])
        }
    }

    @Test func runsOfAnotherEncoder() throws {
        try TinyRuns.withCaptions { runs in
            try runs.train("run", stopAfter: 3) { runs.onCaptions(&$0) }
            let other = try otherEncoder(runs)
            expectSentence(refused(runs, "run", resume: true) { $0.text.encoder = other }, naming: ["encoder"])
            expectSentence(
                refused(runs, "run", resume: true) { $0.text.emptyPrompt = .seesPadding },
                naming: ["an empty prompt that sees-nothing"])
            expectSentence(refused(runs, "run", resume: true) { $0.text.length = 11 }, naming: ["other sizes"])
            // The same one from another place is no other.
            let moved = "\(runs.directory)/moved"
            try FileManager.default.copyItem(atPath: TinyRuns.encoder, toPath: moved)
            let resumed = try runs.train("run", resume: true) {
                runs.onCaptions(&$0)
                $0.text.encoder = moved
            }
            #expect(resumed.isFinished)
        }
    }

    /// An encoder of the same sizes with other weights.
    private func otherEncoder(_ runs: TinyRuns) throws -> String {
        guard case .qwen3(let architecture) = try TextEncoder(path: TinyRuns.encoder).architecture else {
            Issue.record("the encoder is no Qwen3")
            return ""
        }
        let path = "\(runs.directory)/other"
        _ = try TextEncoderDirectory.make(
            at: path, architecture, learningFrom: TextEncoderDirectory.usualLines, seed: 9)
        return path
    }
}
