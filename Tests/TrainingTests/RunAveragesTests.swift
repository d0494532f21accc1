import Foundation
import PixNerdCheckpoints
import PixNerdModels
import PixNerdTestSupport
import PixNerdTraining
import Testing

/// Averages of chosen lengths that a run keeps, and those that are computed from them.
@Suite struct RunAveragesTests {
    private func tensors(_ path: String) throws -> [Float] {
        let file = try SafetensorsFile(path: path)
        return try file.names.sorted().flatMap { try file.tensor($0).values }
    }

    private func average(_ run: RunDirectory, step: Int, _ length: String) -> String {
        "\(run.averagesPath(step: step))/length-\(length).safetensors"
    }

    private func bytes(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }

    @Test func aComputedAverageIsTheOneThatWouldHaveBeenKept() throws {
        try TinyRuns.with { runs in
            func train(_ name: String, _ lengths: [Double]) throws -> RunDirectory {
                try runs.train(name) {
                    $0.training.steps = 60
                    $0.training.saveEvery = 5
                    $0.training.keepLast = 1
                    $0.training.emaLengths = lengths
                }.run
            }
            let (run, other) = (try train("run", [0.05, 0.1]), try train("other", [0.07, 0.15, 0.2]))
            #expect(run.savedSteps == [60] && run.averagedSteps == Array(stride(from: 5, through: 60, by: 5)))
            // Averages do not change what is learned.
            for name in ["denoiser", "ema", "optimizer"] {
                let file = "\(name).safetensors"
                #expect(try bytes("\(run.stepPath(60))/\(file)") == bytes("\(other.stepPath(60))/\(file)"), "\(name)")
            }
            let raw = try tensors("\(run.stepPath(60))/denoiser.safetensors")
            let averages = try RunAverages(run: run.path)
            #expect(averages.step == 60 && averages.lengths == [0.05, 0.1] && averages.count == 24)
            for (length, most) in [(0.07, 0.02), (0.15, 0.02), (0.2, 0.05)] {
                let found = try averages.reconstruction(length: length)
                let path = "\(runs.directory)/\(length).safetensors"
                try averages.write(found, length: length, to: path)
                let (computed, kept) = (try tensors(path), try tensors(average(other, step: 60, "\(length)")))
                #expect(relativeError(computed, kept) < 0.01, "\(length)")
                // Also relative to what averaging changes.
                let moved = relativeError(raw, kept)
                #expect(relativeError(computed, kept) < most * moved, "\(length)")
                let checkpoint = try DenoiserCheckpoint(path: path)
                #expect(checkpoint.holds(.ema) && !checkpoint.holds(.raw) && checkpoint.imageSize == 16)
                #expect(checkpoint.metadata["ema_length"] == "\(length)" && checkpoint.metadata["step"] == "60")
            }
            // An earlier step knows nothing of later ones.
            let earlier = try RunAverages(run: run.path, step: 30)
            #expect(earlier.count == 12)
            let path = "\(runs.directory)/earlier.safetensors"
            try earlier.write(try earlier.reconstruction(length: 0.15), length: 0.15, to: path)
            let (computed, kept) = (try tensors(path), try tensors(average(other, step: 30, "0.15")))
            #expect(relativeError(computed, kept) < 0.01)
        }
    }

    @Test func aResumedRunKeepsTheSameAverages() throws {
        try TinyRuns.with { runs in
            let lengths: (inout Configuration) -> Void = {
                $0.training.emaDecay = [0.9, 0.5]
                $0.training.emaLengths = [0.1, 0.28]
            }
            let whole = try runs.train("whole", lengths).run
            try runs.train("parts", stopAfter: 4, lengths)
            let parts = try runs.train("parts", resume: true, lengths).run
            #expect(parts.averagedSteps == [3, 4, 6])
            for length in ["0.1", "0.28"] {
                let files = [parts, whole].map { average($0, step: 6, length) }
                #expect(try bytes(files[0]) == bytes(files[1]), "\(length)")
            }
            #expect(try runs.files(parts) == runs.files(whole))
        }
    }

    @Test func averagesOfStepsThatAreLeftAreSetAside() throws {
        try TinyRuns.with { runs in
            let lengths: (inout Configuration) -> Void = { $0.training.emaLengths = [0.1] }
            let run = try runs.train("run", lengths).run
            try runs.train("run", resume: true, resumedStep: 3, stopAfter: 4, lengths)
            #expect(run.averagedSteps == [3, 4])
            #expect(FileManager.default.fileExists(atPath: "\(run.averagesPath(step: 6)).aside/length-0.1.safetensors"))
        }
    }

    @Test func aLengthThatTheRunDoesNotKeepIsRefused() throws {
        try TinyRuns.with { runs in
            let run = try runs.train("run", stopAfter: 2) { $0.training.emaLengths = [0.1] }.run
            let message = sentence {
                try runs.train("run", resume: true) { $0.training.emaLengths = [0.05, 0.1] }
            }
            expectSentence(message, naming: ["training.ema_lengths", "0.05", run.path, "lengths among 0.1"])
            // To keep fewer is allowed.
            #expect(try runs.train("run", resume: true).isFinished)
        }
    }

    @Test func aDamagedAverageLeavesTheStepForTheOneBefore() throws {
        try TinyRuns.with { runs in
            let lengths: (inout Configuration) -> Void = { $0.training.emaLengths = [0.1] }
            let run = try runs.train("run", stopAfter: 5, lengths).run
            try Data("none".utf8).write(to: URL(fileURLWithPath: average(run, step: 5, "0.1")))
            let outcome = try runs.train("run", resume: true, lengths)
            #expect(outcome.log.contains { $0.contains("step 5 is damaged") } && run.averagedSteps == [3, 6])
        }
    }

    @Test func anAutoencoderHasNone() throws {
        try TinyRuns.with { runs in
            let message = sentence { try runs.trainAutoencoder { $0.training.emaLengths = [0.1] } }
            expectSentence(message, naming: ["training.ema_lengths"])
        }
    }

    @Test func whatCannotBeComputedIsRefused() throws {
        try TinyRuns.with { runs in
            let run = try runs.train("run") {
                $0.training.saveEvery = 1
                $0.training.emaLengths = [0.1]
            }.run
            let plain = try runs.train("plain", stopAfter: 1).run
            func refusal(_ path: String, step: Int? = nil, length: Double = 0.1) -> String {
                sentence { _ = try RunAverages(run: path, step: step).reconstruction(length: length) }
            }
            expectSentence(refusal(plain.path), naming: [plain.path, "keeps no averages", "training.ema_lengths"])
            expectSentence(refusal("\(runs.directory)/none"), naming: ["no run", "none"])
            expectSentence(refusal(run.path, step: 7), naming: [run.path, "no averages of step 7", "5, 6"])
            expectSentence(
                refusal(run.path, length: 0.03), naming: ["length", "sum of absolute values", "at least 0.08"])
            expectSentence(refusal(run.path, step: 1, length: 0.25), naming: ["length 0.25", "% off", "0.1"])
            for length in [0, -1, 0.3, .nan, .infinity] {
                expectSentence(refusal(run.path, length: length), naming: ["from 0.001 to 0.28"])
            }
            // A file of another model among them.
            let other = try runs.train("other", stopAfter: 1) {
                $0.model.fieldWidth = 4
                $0.training.emaLengths = [0.1]
            }.run
            let target = average(run, step: 2, "0.1")
            try FileManager.default.removeItem(atPath: target)
            try FileManager.default.copyItem(atPath: average(other, step: 1, "0.1"), toPath: target)
            expectSentence(refusal(run.path), naming: [target, "another model"])
            try FileManager.default.removeItem(atPath: target)
            try FileManager.default.copyItem(atPath: "\(run.stepPath(2))/ema.safetensors", toPath: target)
            expectSentence(refusal(run.path), naming: [target, "metadata"])
        }
    }
}
