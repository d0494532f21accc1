import Foundation
import PixNerdCheckpoints
import PixNerdModels
import PixNerdSupport
import PixNerdTestSupport
import Testing

/// Kinds of checkpoints: a run, a step, and files with both sets of weights, with one set, or with bare names.
@Suite struct DenoiserCheckpointTests {
    private let tiny = Fixtures.path("pixnerd/tiny-checkpoint.safetensors")

    private func values(_ checkpoint: DenoiserCheckpoint, _ kind: WeightKind) throws -> [[Float]] {
        try checkpoint.load(kind).parameters.map(\.value.values)
    }

    /// Writes a copy of the fixture with the tensors of one prefix, renamed by `rename`.
    private func write(_ prefix: String, to path: String, _ rename: (String) -> String = { $0 }) throws {
        let file = try SafetensorsFile(path: tiny)
        let names = file.names.filter { $0.hasPrefix(prefix) }
        try SafetensorsWriter.write(names.map { (rename($0), try file.tensor($0)) }, to: path)
    }

    @Test func aFileMayHoldBothSetsOfWeights() throws {
        let checkpoint = try DenoiserCheckpoint(path: tiny)
        #expect(checkpoint.holds(.ema) && checkpoint.holds(.raw))
        #expect(checkpoint.path == tiny)
        #expect(checkpoint.imageSize == nil && checkpoint.classNames == nil)
        #expect(try values(checkpoint, .ema) != values(checkpoint, .raw))
    }

    @Test func aFileMayHoldOneSet() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/raw.safetensors"
            try write("denoiser.", to: path)
            let checkpoint = try DenoiserCheckpoint(path: path)
            #expect(checkpoint.holds(.raw) && !checkpoint.holds(.ema))
            #expect(try values(checkpoint, .raw) == values(DenoiserCheckpoint(path: tiny), .raw))
            let error = #expect(throws: PixNerdError.self) { try checkpoint.load(.ema) }
            expectSentence(error?.description ?? "", naming: [path, "no ema weights", "ema_denoiser."])
        }
    }

    @Test func bareNamesServeAsBoth() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/bare.safetensors"
            try write("ema_denoiser.", to: path) { String($0.dropFirst("ema_denoiser.".count)) }
            let checkpoint = try DenoiserCheckpoint(path: path)
            #expect(try values(checkpoint, .raw) == values(checkpoint, .ema))
            #expect(try values(checkpoint, .ema) == values(DenoiserCheckpoint(path: tiny), .ema))
        }
    }

    @Test func aRunStandsForItsLatestStep() throws {
        try TinyRuns.with { runs in
            let run = try runs.train("run").run
            let latest = try DenoiserCheckpoint(path: run.path)
            #expect(latest.path == run.stepPath(6))
            #expect(latest.imageSize == 16)
            #expect(latest.classNames == ["circle", "cross", "heart", "ring", "square", "star", "stripes", "triangle"])
            let weights = try values(latest, .ema)
            #expect(try values(DenoiserCheckpoint(path: run.stepPath(6)), .ema) == weights)
            #expect(try values(DenoiserCheckpoint(path: "\(run.path)/latest"), .ema) == weights)
            #expect(try values(DenoiserCheckpoint(path: "\(run.stepPath(6))/ema.safetensors"), .ema) == weights)
            #expect(try values(DenoiserCheckpoint(path: run.stepPath(3)), .ema) != weights)
            #expect(try values(latest, .raw) != weights)
        }
    }

    @Test func anythingElseIsRefused() throws {
        try withTemporaryDirectory { directory in
            for path in [directory, "\(directory)/missing"] {
                let error = #expect(throws: PixNerdError.self) { try DenoiserCheckpoint(path: path) }
                expectSentence(error?.description ?? "", naming: [path])
            }
        }
    }
}
