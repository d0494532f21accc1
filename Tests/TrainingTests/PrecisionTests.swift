import PixNerdTensors
import PixNerdTestSupport
import PixNerdTraining
import Testing

/// Whole runs in bf16.
@Suite(.whereBFloat16IsHad)
struct PrecisionTests {
    /// Large enough for matmuls in bf16: four images of 16 tokens of width 64.
    private func change(_ configuration: inout Configuration) {
        configuration.model.hiddenSize = 64
        configuration.model.patchSize = 4
    }

    @Test(arguments: [1, 2])
    func aRunFollowsFloat32AndResumesToTheBit(passes: Int) throws {
        try TinyRuns.with { runs in
            func rounded(_ configuration: inout Configuration) {
                change(&configuration)
                configuration.training.batchSize = 4 * passes
                configuration.training.accumulate = passes
                configuration.precision = .bf16
            }
            let exact = try runs.metrics(
                runs.train("exact") {
                    rounded(&$0)
                    $0.precision = .fp32
                }.run
            ).map(\.loss)
            let whole = try runs.train("whole", rounded).run
            let losses = try runs.metrics(whole).map(\.loss)
            #expect(losses != exact, "nothing was rounded")
            for (a, b) in zip(losses, exact) { #expect(abs(a - b) < 0.02 * b, "\(losses), in float32 \(exact)") }
            try runs.train("stopped", stopAfter: 4, rounded)
            let resumed = try runs.train("stopped", resume: true, rounded)
            #expect(resumed.isFinished)
            expectSame(try runs.files(whole), try runs.files(resumed.run))
        }
    }
}
