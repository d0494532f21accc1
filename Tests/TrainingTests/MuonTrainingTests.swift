import Foundation
import PixNerdCheckpoints
import PixNerdModels
import PixNerdSupport
import PixNerdTestSupport
import PixNerdTraining
import Testing

/// Runs with Muon.
@Suite struct MuonTrainingTests {
    private func change(_ configuration: inout Configuration) {
        configuration.training.optimizer = .muon
        configuration.training.emaDecay = [0.9, 0.99]
        configuration.training.gradientClip = 0.5
        configuration.training.skipOutliers = 3
        configuration.training.weightDecay = 0.1
    }

    @Test func aStoppedRunResumesToTheBit() throws {
        try TinyRuns.with { runs in
            let (whole, resumed) = try runs.wholeAndResumed(stopAfter: 2, change)
            #expect(resumed.log == [])
            expectSame(try runs.files(whole), try runs.files(resumed.run), besides: ["ema-0.99.safetensors"])
            #expect(try runs.metrics(whole).map(\.loss) == runs.metrics(resumed.run).map(\.loss))
        }
    }

    /// Matrices of blocks have a momentum, and everything else AdamW's moments.
    @Test func theCheckpointSaysWhichMatrices() throws {
        try TinyRuns.with { runs in
            let step = try runs.train("muon", change).run.stepPath(6)
            let names = try SafetensorsFile(path: "\(step)/optimizer.safetensors").names
            func parameters(_ moment: String) -> Set<String> {
                Set(names.filter { $0.hasPrefix(moment + ".") }.map { String($0.dropFirst(moment.count + 1)) })
            }
            let (momentum, first) = (parameters("momentum"), parameters("first_moment"))
            #expect(momentum.count == 12 && momentum.contains("blocks.1.adaLN_modulation.0.weight"))
            #expect(first == parameters("second_moment") && first.isDisjoint(with: momentum))
            #expect(first.contains("blocks.2.param_generator1.0.weight") && first.contains("blocks.1.norm1.weight"))
            let record = try String(contentsOfFile: "\(step)/state.json", encoding: .utf8)
            #expect(record.contains("\"optimizer\":\"muon\""))
        }
    }

    @Test func theLossFalls() throws {
        try TinyRuns.with { runs in
            func losses(_ name: String, _ change: (inout Configuration) -> Void) throws -> [Double] {
                let run = try runs.train(name) {
                    change(&$0)
                    $0.training.steps = 60
                    $0.training.logEvery = 20
                }.run
                return try runs.metrics(run).map(\.loss)
            }
            let muon = try losses("muon") { $0.training.optimizer = .muon }
            #expect(muon[2] < 0.95 * muon[0], "\(muon)")
        }
    }

    @Test func anotherOptimizerIsRefusedOnResume() throws {
        try TinyRuns.with { runs in
            try runs.train("muon", stopAfter: 1, change)
            try runs.train("adamw", stopAfter: 1)
            expectSentence(
                sentence { try runs.train("muon", resume: true) },
                naming: ["muon/step-0000001", "the optimizer muon", "training.optimizer is adamw", "another name"])
            expectSentence(
                sentence { try runs.train("adamw", resume: true) { $0.training.optimizer = .muon } },
                naming: ["adamw/step-0000001", "the optimizer adamw", "training.optimizer is muon"])
        }
    }

    @Test func whatDoesNotFitIsRefused() throws {
        try TinyRuns.with { runs in
            expectSentence(
                sentence {
                    try runs.train("a") {
                        $0.training.optimizer = .muon
                        $0.training.sharesOptimizer = true
                    }
                }, naming: ["training.shard_optimizer", "training.optimizer is muon"])
            expectSentence(
                sentence { try runs.train("a") { $0.training.muonMomentum = 0.9 } },
                naming: ["training.muon_momentum", "training.optimizer is adamw"])
            expectSentence(
                sentence {
                    try runs.train("a") {
                        $0.kind = .autoencoder
                        $0.model = Configuration().model
                        $0.training.optimizer = .muon
                    }
                }, naming: ["training.optimizer", "kind is autoencoder"])
        }
    }
}
