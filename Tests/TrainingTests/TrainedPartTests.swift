import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Testing

@testable import PixNerdTraining

/// Runs that train a part of a model: chosen weights, low-rank products, or the rows of new classes.
@Suite struct TrainedPartTests {
    /// A run of six of the eight classes of shapes, and a folder with all of them.
    private static func withSix(_ body: (TinyRuns, RunDirectory) throws -> Void) throws {
        try TinyRuns.with { runs in
            let six = "\(runs.directory)/six-classes"
            try FileManager.default.copyItem(atPath: runs.pictures, toPath: six)
            for name in try ImageCollection.open(root: six).classes.suffix(2) {
                try FileManager.default.removeItem(atPath: "\(six)/\(name)")
            }
            try body(runs, try runs.train("six") { $0.data.root = six }.run)
        }
    }

    private static func weights(_ run: RunDirectory, step: Int = 6, _ kind: WeightKind) throws -> [String: [Float]] {
        let model = try DenoiserCheckpoint(path: run.stepPath(step)).load(kind)
        return Dictionary(uniqueKeysWithValues: model.parameters.map { ($0.name, $0.value.values) })
    }

    private static func changed(_ a: [String: [Float]], _ b: [String: [Float]]) -> Set<String> {
        Set(a.keys.filter { a[$0] != b[$0] })
    }

    @Test func frozenWeightsKeepEveryBit() throws {
        try TinyRuns.with { runs in
            let start = try runs.train("start") { $0.training.steps = 3 }.run
            let outcome = try runs.wholeAndResumed(stopAfter: 4) {
                $0.from = start.path
                $0.training.freeze = ["blocks.0", "*_embedder"]
            }
            expectSame(try runs.files(outcome.whole), try runs.files(outcome.resumed.run))
            let before = try Self.weights(start, step: 3, .ema)
            for kind in WeightKind.allCases {
                let changed = Self.changed(before, try Self.weights(outcome.whole, kind))
                #expect(changed.allSatisfy { !$0.hasPrefix("blocks.0.") && !$0.contains("_embedder.") }, "\(changed)")
                #expect(changed.contains("blocks.1.attn.qkv.weight"))
            }
            let moments = try SafetensorsFile(path: "\(outcome.whole.stepPath(6))/optimizer.safetensors")
            #expect(!moments.names.contains { $0.contains("blocks.0.") } && moments.names.count > 10)
        }
    }

    /// Frozen weights do not change the gradients of the others.
    @Test(arguments: [false, true])
    func gradientsOfTheRestStay(recomputes: Bool) throws {
        let sizes = try PixNerdArchitecture(
            hiddenSize: 16, heads: 2, blocks: 3, conditionedBlocks: 2, patchSize: 4, channels: 3, fieldWidth: 8,
            fieldRatio: 2, classes: 3)
        func gradients(frozen: Bool) -> [String: [Float]] {
            let model = PixNerd(sizes, seed: 4, recomputesBlocks: recomputes)
            for parameter in model.parameters {
                parameter.modify { value in
                    value.withUnsafeMutableBuffer { for i in $0.indices { $0[i] += 0.01 * Float(i % 7) } }
                }
                if frozen, NamePattern("blocks.1").fits(parameter.name) { parameter.training = .nothing }
            }
            let x = Tensor.normal([2, 3, 8, 8]) { RandomStream(seed: 1, purpose: .test, index: $0) }
            withGradient {
                meanSquaredError(
                    model.velocity(x, times: [0.3, 0.6], condition: ClassCondition([0, 2])),
                    target: x
                ).mean
            }
            return Dictionary(
                uniqueKeysWithValues: model.parameters.compactMap { parameter in
                    parameter.gradient.map { (parameter.name, $0.values) }
                })
        }
        let (whole, part) = (gradients(frozen: false), gradients(frozen: true))
        #expect(!part.keys.contains { $0.hasPrefix("blocks.1.") } && part.count < whole.count)
        for (name, gradient) in part { #expect(gradient == whole[name], "\(name)") }
    }

    /// A run begins with the loss of its source, keeps all other weights, resumes to the bit, and its products are a file
    /// that gives its weights when it is merged into the source.
    @Test func productsAreTrained() throws {
        try TinyRuns.with { runs in
            let start = try runs.train("start") { $0.training.steps = 3 }.run
            func change(_ configuration: inout Configuration) {
                configuration.from = start.path
                configuration.training.train = .lora
                configuration.training.accumulate = 2
                configuration.lora.rank = 3
                configuration.lora.alpha = 6
            }
            let outcome = try runs.wholeAndResumed(stopAfter: 4, change)
            let (whole, resumed) = (outcome.whole.stepPath(6), outcome.resumed.run.stepPath(6))
            for file in [
                "denoiser.safetensors", "ema.safetensors", "optimizer.safetensors", "lora/denoiser.safetensors",
            ] {
                #expect(
                    FileManager.default.contentsEqual(atPath: "\(whole)/\(file)", andPath: "\(resumed)/\(file)"),
                    "\(file)")
            }
            let before = try Self.weights(start, step: 3, .ema)
            let after = try Self.weights(outcome.whole, .ema)
            let changed = Self.changed(before, after)
            let matrices = Set(try DenoiserCheckpoint(path: start.path).load(.ema).blockMatrices.map(\.name))
            #expect(changed == matrices && matrices.count > 8, "\(changed)")
            let merged = try DenoiserCheckpoint(path: start.path)
                .adapted(by: [LoRAChoice(path: "\(whole)/lora")]).load(.ema).parameters
            for parameter in merged {
                #expect(relativeError(parameter.value.values, after[parameter.name]!) < 1e-5, "\(parameter.name)")
            }
            #expect(try LoRAFile(path: "\(whole)/lora").remark == nil)
            let moments = try SafetensorsFile(path: "\(whole)/optimizer.safetensors").names
            #expect(
                moments.count == 2 * 2 * matrices.count && moments.allSatisfy { $0.contains(".lora_") }, "\(moments)")
        }
    }

    /// Dropout changes the steps, and a stopped run draws the same.
    @Test func droppedInputsResume() throws {
        try TinyRuns.with { runs in
            let start = try runs.train("start") { $0.training.steps = 3 }.run
            func change(_ configuration: inout Configuration) {
                configuration.from = start.path
                configuration.training.train = .lora
                configuration.lora.targets = ["attn.qkv"]
                configuration.lora.dropout = 0.4
                configuration.training.learningRate = 0.01
            }
            let outcome = try runs.wholeAndResumed(stopAfter: 4, change)
            let dropped = try Self.weights(outcome.whole, .raw)
            #expect(try dropped == Self.weights(outcome.resumed.run, .raw))
            let plain = try runs.train("plain") {
                change(&$0)
                $0.lora.dropout = 0
            }.run
            #expect(Self.changed(dropped, try Self.weights(plain, .raw)).count == 2)
        }
    }

    /// A new class comes behind the others, whose rows stay, and no class stays last.
    @Test func newClassesAreRows() throws {
        try Self.withSix { runs, six in
            let known = try #require(DenoiserCheckpoint(path: six.path).classNames)
            let all = try ImageCollection.open(root: runs.pictures).classes
            let outcome = try runs.wholeAndResumed(stopAfter: 4) {
                $0.from = six.path
                $0.start.like = known[2]
                $0.training.train = .rows
            }
            expectSame(try runs.files(outcome.whole), try runs.files(outcome.resumed.run))
            let checkpoint = try DenoiserCheckpoint(path: outcome.whole.path)
            #expect(checkpoint.classNames == known + all.filter { !known.contains($0) })
            let (before, after) = (try Self.weights(six, .ema), try Self.weights(outcome.whole, .raw))
            let name = "y_embedder.embedding_table.weight"
            #expect(Self.changed(before, after) == [name])
            let (old, new) = (before[name]!, after[name]!)
            #expect(Array(new[..<(6 * 16)]) == Array(old[..<(6 * 16)]))
            #expect(Array(new.suffix(16)) == Array(old.suffix(16)))
            #expect(new[(6 * 16)..<(7 * 16)] != new[(7 * 16)..<(8 * 16)])
            #expect(new[(6 * 16)..<(7 * 16)] != old[(2 * 16)..<(3 * 16)])
        }
    }

    /// On the same images and noise a run with more classes begins with the loss of its source.
    @Test func theFirstLossIsThatOfTheSource() throws {
        try Self.withSix { runs, six in
            var own = runs.configuration("six")
            own.data.root = "\(runs.directory)/six-classes"
            var more = runs.configuration("more")
            more.from = "\(six.path)@6"
            let (before, after) = (
                try DenoiserPreparation(own, allowsOtherAutoencoder: false),
                try DenoiserPreparation(more, allowsOtherAutoencoder: false)
            )
            #expect(after.architecture.parameterCount == before.architecture.parameterCount + 32)
            let source = try #require(
                try before.load(six.stepPath(6), TrainingOrigins()) as? DenoiserTask)
            let average = try source.loadAverage(.average(decay: 0), from: six.stepPath(6))
            let task = try #require(try after.begin() as? DenoiserTask)
            func loss(_ task: DenoiserTask, _ preparation: DenoiserPreparation) throws -> [Float] {
                let names = preparation.pictures.samples
                let places = names.indices.filter { names[$0].path.contains("/000") }.prefix(5)
                let reader = CropReader(
                    preparation.pictures, imageSize: 16, decoding: preparation.decoding)
                let images = try #require(reader.read(Array(places), unreadable: { _ in }))
                return try task.fixedLosses(images, isPrecomputed: true, times: [0.1, 0.3, 0.5, 0.7, 0.9], first: 0)
            }
            let expected = try source.withWeights(average) { try loss(source, before) }
            #expect(try loss(task, after) == expected)
            let text = after.description.first { $0.name == "start" }?.text ?? ""
            #expect(
                text.contains("6 taken") && text.contains("the mean of all") && text.contains("left none"), "\(text)")
        }
    }

    @Test func classesAreReplaced() throws {
        try Self.withSix { runs, six in
            let known = try #require(DenoiserCheckpoint(path: six.path).classNames)
            var configuration = runs.configuration("replaced")
            configuration.from = six.path
            configuration.start.classes = .replace
            configuration.start.weights = .raw
            let preparation = try DenoiserPreparation(configuration, allowsOtherAutoencoder: false)
            #expect(preparation.pictures.classes == (try ImageCollection.open(root: runs.pictures)).classes)
            #expect(preparation.classes?.rows.taken.compactMap { $0 }.count == known.count)
            let text = preparation.description.first { $0.name == "start" }?.text ?? ""
            #expect(text.contains("raw weights"), "\(text)")
        }
    }

    @Test func whatDoesNotFitIsRefused() throws {
        try Self.withSix { runs, six in
            func refusal(_ change: (inout Configuration) -> Void) -> String {
                runs.refusal(from: six, change)
            }
            expectSentence(refusal { $0.training.freeze = ["blocks.9"] }, naming: ["training.freeze", "'blocks.9'"])
            expectSentence(refusal { $0.training.freeze = ["*"] }, naming: ["training.freeze", "every weight"])
            expectSentence(
                refusal {
                    $0.training.train = .lora
                    $0.lora.targets = ["attn.kqv"]
                }, naming: ["lora.targets", "'attn.kqv'"])
            expectSentence(refusal { $0.lora.rank = 3 }, naming: ["lora.rank", "training.train is all"])
            expectSentence(refusal { $0.start.like = "unicorn" }, naming: ["start.like", "'unicorn'"])
            expectSentence(
                refusal {
                    $0.data.root = "\(runs.directory)/six-classes"
                    $0.training.train = .rows
                }, naming: ["training.train", "no class"])
            expectSentence(
                refusal {
                    $0.training.train = .lora
                    $0.training.optimizer = .muon
                }, naming: ["training.optimizer", "lora"])
            expectSentence(
                refusal {
                    $0.training.train = .lora
                    $0.training.freeze = ["blocks.0"]
                }, naming: ["training.freeze", "lora"])
            expectSentence(
                refusal {
                    $0.from = ""
                    $0.training.train = .lora
                }, naming: ["training.train", "from is empty"])
            expectSentence(
                refusal {
                    $0.from = ""
                    $0.start.weights = .raw
                }, naming: ["start.weights", "from is empty"])
            expectSentence(refusal { $0.subject.className = "unicorn" }, naming: ["subject.class", "'unicorn'"])
            expectSentence(refusal { $0.subject.priorWeight = 2 }, naming: ["subject.prior_weight", "subject.class"])
        }
    }

    /// A run whose base has changed is not resumed.
    @Test func anotherBaseIsRefused() throws {
        try TinyRuns.with { runs in
            let start = try runs.train("start") { $0.training.steps = 3 }.run
            func change(_ configuration: inout Configuration) {
                configuration.from = start.path
                configuration.training.train = .lora
            }
            try runs.train("stopped", stopAfter: 4, change)
            try runs.train("start", resume: true) { $0.training.steps = 6 }
            expectSentence(
                sentence { try runs.train("stopped", resume: true, change) },
                naming: ["stopped", "other weights", start.path])
        }
    }
}
