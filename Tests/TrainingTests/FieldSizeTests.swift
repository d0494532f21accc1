import Foundation
import PixNerdCheckpoints
import PixNerdImages
import PixNerdModels
import PixNerdSupport
import PixNerdTestSupport
import Testing

@testable import PixNerdTraining

/// Training at several densities.
@Suite struct FieldSizeTests {
    private func train(
        _ runs: TinyRuns, _ name: String, stopAfter: Int? = nil, resume: Bool = false,
        _ change: (inout Configuration) -> Void = { _ in }
    ) throws -> TinyRuns.Outcome {
        try runs.train(name, resume: resume, stopAfter: stopAfter) {
            $0.data.root = "\(runs.directory)/large"
            $0.training.fieldSizes = [24, 32, 40]
            change(&$0)
        }
    }

    private func with<R>(_ body: (TinyRuns) throws -> R) throws -> R {
        try TinyRuns.with { runs in
            try ShapesDataset.write(to: "\(runs.directory)/large", imagesPerClass: 4, size: 36, seed: 5)
            return try body(runs)
        }
    }

    @Test func aRunThatWasStoppedGoesOnWithTheSameBits() throws {
        try with { runs in
            let whole = try train(runs, "whole")
            _ = try train(runs, "stopped", stopAfter: 3)
            let resumed = try train(runs, "stopped", resume: true)
            try expectSame(
                runs.files(whole.run), runs.files(resumed.run))
        }
    }

    /// Splitting a batch changes only the last bits.
    @Test func passesDoNotMatter() throws {
        try with { runs in
            let whole = try runs.metrics(train(runs, "whole").run)
            let split = try runs.metrics(train(runs, "split") { $0.training.accumulate = 2 }.run)
            for (one, other) in zip(whole, split) { #expect(abs(one.loss - other.loss) < 1e-4 * one.loss) }
        }
    }

    /// Images are loaded at the largest useful size, and without other densities at the training size.
    @Test func picturesKeepTheirDetail() throws {
        try with { (runs: TinyRuns) throws -> Void in
            var configuration = runs.configuration("a")
            func loadedSize() throws -> ImageSize? {
                try DenoiserPreparation(configuration, allowsOtherAutoencoder: false).buckets.buckets.first?.size
            }
            #expect(try loadedSize() == 16)
            configuration.training.fieldSizes = [12]
            #expect(try loadedSize() == 16)
            configuration.training.fieldSizes = [24, 48]
            // The images have sides of 16 pixels, in the other folder 36.
            #expect(try loadedSize() == 16)
            configuration.data.root = "\(runs.directory)/large"
            #expect(try loadedSize() == 36)
            configuration.training.fieldSizes = [24]
            #expect(try loadedSize() == 24)
        }
    }

    @Test func checkpointsSayTheirSizes() throws {
        try with { runs in
            let run = try train(runs, "sizes") { $0.training.steps = 1 }.run
            #expect(try DenoiserCheckpoint(path: run.path).fieldSizes == [24, 32, 40])
            let plain = try runs.train("plain") { $0.training.steps = 1 }.run
            #expect(try DenoiserCheckpoint(path: plain.path).fieldSizes == [])
        }
    }
}
