import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSampling
import PixNerdSpaces
import PixNerdTestSupport
import Testing

@testable import PixNerdTraining

/// Training on several classes an image, and on values.
@Suite struct ConditionTrainingTests {
    /// Gives the images of shapes labels and values in `metadata.jsonl`.
    ///
    /// - Parameter row: the keys of an image, as JSON without braces, by its number.
    private func describe(_ runs: TinyRuns, _ row: (_ name: String, _ number: Int) -> String) throws {
        let files = (FileManager.default.enumerator(atPath: runs.pictures)?.compactMap { $0 as? String } ?? [])
            .filter { $0.hasSuffix(".png") }.sorted()
        #expect(files.count == 32)
        let lines = files.enumerated().map { "{\"file_name\": \"\($1)\", \(row($1, $0))}" }
        try lines.joined(separator: "\n").write(
            toFile: "\(runs.pictures)/metadata.jsonl", atomically: true, encoding: .utf8)
    }

    /// Sets of the shape and of two other classes, and none at all for a quarter of the images.
    private func describeSets(_ runs: TinyRuns) throws {
        try describe(runs) { name, number in
            let shape = name.prefix { $0 != "/" }
            return #""label": "# + (number % 4 == 3 ? "[]" : #"["\#(shape)"\#(number % 2 == 0 ? #", "even""# : "")]"#)
        }
    }

    /// An age, and a zoom that a sixth of the images does not have.
    private func describeValues(_ runs: TinyRuns, from first: Int = 0) throws {
        try describe(runs) { _, number in
            #""age": \#(number + first), "zoom": \#(number % 6 == 0 ? "null" : "\(Double(number % 5) / 2)")"#
        }
    }

    /// Drops conditions, holds images out and makes previews: what depends on conditions besides the steps.
    private func dropAndHoldOut(_ configuration: inout Configuration) {
        configuration.training.labelDropout = 0.3
        configuration.data.holdout = 0.125
        configuration.training.holdoutEvery = 2
        configuration.training.holdoutImages = 8
        configuration.training.previewEvery = 6
    }

    @Test(arguments: [1, 4])
    func aRunOfSetsResumesToTheBit(step: Int) throws {
        try TinyRuns.with { runs in
            try describeSets(runs)
            func change(_ configuration: inout Configuration) {
                configuration.training.accumulate = 2
                dropAndHoldOut(&configuration)
            }
            let (whole, resumed) = try runs.wholeAndResumed(stopAfter: step, change)
            expectSame(try runs.files(whole), try runs.files(resumed.run))
            let checkpoint = try DenoiserCheckpoint(path: whole.path)
            let conditioner = try checkpoint.conditioner(of: checkpoint.architecture(.ema))
            #expect(checkpoint.takesSets && conditioner.takesSets && conditioner.allPrompts.count == 9)
            #expect(checkpoint.classNames?.contains("even") == true)
            #expect(try conditioner.prompt(from: "even+ring").labels?.count == 2)
            let prompts = try Configuration(yaml: whole.configurationPath).prompts(for: conditioner, most: 40)
            #expect(prompts.count == 32 && prompts.contains(.labels([])) && prompts.contains { $0.labels?.count == 2 })
            #expect(FileManager.default.fileExists(atPath: "\(whole.previewsPath)/step-000006.png"))
            #expect(try runs.heldOut(whole).count == 3)
            // Sets matter: with one class an image the loss is another.
            try FileManager.default.removeItem(atPath: "\(runs.pictures)/metadata.jsonl")
            let plain = try runs.train("plain", change).run
            #expect(try runs.metrics(plain).last?.loss != runs.metrics(whole).last?.loss)
            #expect(try !DenoiserCheckpoint(path: plain.path).takesSets)
        }
    }

    /// The classes stay the same, and images have others of them.
    @Test func aRunIsResumedWithSetsOnlyIfItBeganWithThem() throws {
        try TinyRuns.with { runs in
            func label(_ isSet: Bool) throws {
                try describe(runs) { name, number in
                    let shape = name.prefix { $0 != "/" }
                    return #""label": ["\#(shape)"\#(isSet && number == 0 ? #", "ring""# : "")]"#
                }
            }
            try label(false)
            try runs.train("single", stopAfter: 3)
            try label(true)
            try runs.train("sets", stopAfter: 3)
            expectSentence(
                sentence { try runs.train("single", resume: true) }, naming: ["one class each", "several or none now"])
            try label(false)
            expectSentence(
                sentence { try runs.train("sets", resume: true) },
                naming: ["several classes or none, and each image has"])
        }
    }

    @Test(arguments: [DenoiserOptions.Head.field, .linear], [1, 4])
    func aRunOfValuesResumesToTheBit(head: DenoiserOptions.Head, step: Int) throws {
        try TinyRuns.with { runs in
            try describeValues(runs)
            func change(_ configuration: inout Configuration) {
                configuration.data.values = ["age", "zoom"]
                configuration.model.head = head
                dropAndHoldOut(&configuration)
            }
            let (whole, resumed) = try runs.wholeAndResumed(stopAfter: step, change)
            expectSame(try runs.files(whole), try runs.files(resumed.run))
            #expect(resumed.log == [])
            let checkpoint = try DenoiserCheckpoint(path: whole.path)
            let values = try checkpoint.values
            #expect(values.map(\.name) == ["age", "zoom"] && values[1].least == 0 && values[1].most == 2)
            let conditioner = try checkpoint.conditioner(of: checkpoint.architecture(.ema))
            let prompts = try Configuration(yaml: whole.configurationPath).prompts(for: conditioner, most: 12)
            #expect(prompts.count == 12 && Set(prompts.map { $0.values.compactMap { $0 } }).count == 12)
            #expect(FileManager.default.fileExists(atPath: "\(whole.previewsPath)/step-000006.png"))
            // The embedders learn, and so their values have an effect.
            let weights = try checkpoint.load(.raw).parameters.filter { $0.name.hasPrefix("v_embedder.") }
            #expect(weights.count == 8 && weights.allSatisfy { $0.value.values.contains { $0 != 0 } })
        }
    }

    @Test func namesOfValuesComeBack() throws {
        var configuration = Configuration()
        configuration.data.values = ["a: b", "#c", "yes", "1e3", "[x", "'d'", "größe"]
        #expect(try Configuration(text: configuration.yaml, origin: "a.yaml") == configuration)
        for text in ["[a, a]", (0...64).map(String.init).joined(separator: ",")] {
            expectSentence(
                sentence { _ = try Configuration(text: "", origin: "a.yaml", settings: ["data.values=\(text)"]) },
                naming: ["data.values", "without duplicates, at most 64"])
        }
    }

    @Test func otherValuesAreRefusedOnResume() throws {
        try TinyRuns.with { runs in
            try describeValues(runs)
            try runs.train("a", stopAfter: 3) { $0.data.values = ["age"] }
            for names in [[], ["zoom"], ["age", "zoom"]] {
                expectSentence(
                    sentence { try runs.train("a", resume: true) { $0.data.values = names } },
                    naming: ["a/step-0000003 was trained on other values (age from 0 to 31"])
            }
            try describeValues(runs, from: 1)
            expectSentence(
                sentence { try runs.train("a", resume: true) { $0.data.values = ["age"] } },
                naming: ["was trained on other values (age from 0 to 31", "age from 1 to 32", "data.values"])
        }
    }

    @Test func valuesThatCannotBeTrainedOnAreRefused() throws {
        try TinyRuns.with { runs in
            func refused(_ names: [String], _ words: [String], _ change: (inout Configuration) -> Void = { _ in }) {
                expectSentence(
                    sentence {
                        try runs.train("a") {
                            $0.data.values = names
                            change(&$0)
                        }
                    }, naming: words)
            }
            refused(["age"], ["has no 'age', as 31 more", "leave 'age' out of valueNames"])
            try describe(runs) { _, number in
                #""flat": 3, "none": null, "most": \#(number == 7 ? "null" : "\(number)")\#(number == 9 ? "" : #", "b": 1"#)"#
            }
            refused(["flat"], ["data.values: 'flat' is 3.0 for all images", "numbers that differ"])
            refused(["none"], ["data.values: 'none' has no number for any image"])
            refused(["most", "b"], [".png has no 'b'; expected"])
            refused(["most"], ["data.values is set, but the model is conditioned on captions"]) {
                $0.text.encoder = "anything"
            }
            refused(["most"], ["data.values is set, but kind is autoencoder"]) {
                ($0.kind, $0.model) = (.autoencoder, DenoiserOptions())
            }
            // With one class there is something to compare with.
            let run = try runs.train("one") {
                $0.data.values = ["most"]
                $0.data.labels = "none"
            }.run
            let metadata = try DenoiserCheckpoint(path: run.path).metadata
            #expect(metadata["label_dropout"] == "0.1" && metadata["guidance"] == "3.5")
        }
    }

    /// A short training on plain grey images: the asked brightness is what samples have.
    @Test func samplesFollowTheirValue() throws {
        try TinyRuns.with { runs in
            let root = "\(runs.directory)/plain"
            try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
            var rows: [String] = []
            for number in 0..<32 {
                let level = 64 + 4 * number
                let pixels = [UInt8](repeating: UInt8(level), count: 3 * 64)
                try ImageFile.writePNG(
                    RGBImage(width: 8, height: 8, pixels: pixels), to: "\(root)/\(number).png")
                rows.append(#"{"file_name": "\#(number).png", "light": \#(level)}"#)
            }
            try rows.joined(separator: "\n").write(
                toFile: "\(root)/metadata.jsonl", atomically: true, encoding: .utf8)
            let run = try runs.train("grey") {
                $0.data.root = root
                $0.data.imageSize = 8
                $0.data.values = ["light"]
                $0.training.steps = 200
                $0.training.batchSize = 16
                $0.training.learningRate = 3e-3
                $0.training.emaDecay = [0.98]
                $0.training.saveEvery = 200
                $0.training.logEvery = 50
            }.run
            var options = SamplingOptions()
            (options.steps, options.guidance) = (10, [1])
            let source = try CheckpointSampling(path: run.path, options)
            let light = try #require(source.loaded.conditioner.values.first)
            #expect(light.mean == 126 && light.least == 64 && light.most == 188)
            func brightness(_ value: Double?) throws -> Double {
                let prompt = Prompt.label(0).with(values: [value])
                let images = try source.job(RequestList.each(prompts: [prompt], seeds: Array(0..<4))).images()
                let levels = images.flatMap(\.pixels)
                return levels.reduce(0) { $0 + Double($1) } / Double(levels.count)
            }
            let levels = try [-1, 0, 1].map { try brightness(light.number(atDeviations: $0)) }
            #expect(levels[0] + 20 < levels[1] && levels[1] + 20 < levels[2], "\(levels)")
        }
    }
}
