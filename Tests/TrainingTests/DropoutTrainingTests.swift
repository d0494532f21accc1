import PixNerdSupport
import PixNerdTestSupport
import PixNerdTraining
import Testing

/// Runs with `model.dropout`.
@Suite struct DropoutTrainingTests {
    private func change(_ configuration: inout Configuration) {
        configuration.model.blocks = 5
        configuration.model.conditionedBlocks = 4
        configuration.model.dropout = 0.2
    }

    @Test func aStoppedRunResumesToTheBit() throws {
        try TinyRuns.with { runs in
            let (whole, resumed) = try runs.wholeAndResumed(stopAfter: 2, change)
            #expect(resumed.log == [])
            expectSame(try runs.files(whole), try runs.files(resumed.run))
            let without = try runs.train("without") {
                change(&$0)
                $0.model.dropout = 0
            }
            #expect(try runs.metrics(whole).last?.loss != runs.metrics(without.run).last?.loss)
        }
    }

    @Test func passesAndRecomputationDropTheSame() throws {
        try TinyRuns.with { runs in
            let losses = try [(1, false), (2, false), (2, true)].map { passes, recomputes in
                let run = try runs.train("run-\(passes)-\(recomputes)") {
                    change(&$0)
                    $0.training.accumulate = passes
                    $0.training.recompute = recomputes
                }.run
                return try runs.metrics(run).map { Float($0.loss) }
            }
            #expect(relativeError(losses[1], losses[0]) < 1e-4)
            #expect(losses[2] == losses[1])
        }
    }

    @Test func aModelWithoutAMiddleHalfIsRefused() throws {
        try TinyRuns.with { runs in
            expectSentence(
                sentence { try runs.train("a") { $0.model.dropout = 0.1 } },
                naming: ["model.dropout", "only 2", "at least 4 blocks"])
        }
    }
}
