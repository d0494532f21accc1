import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdModels
import PixNerdTestSupport
import PixNerdTraining
import Testing

/// Runs whose networks predict something else, whose losses have more parts, or whose images are transformed.
@Suite struct ObjectiveTrainingTests {
    private static let changes: [String: @Sendable (inout Configuration) -> Void] = [
        "picture": {
            $0.training.target = .picture
            ($0.training.timeMean, $0.training.timeDeviation, $0.training.noiseScale) = (-0.8, 0.8, 2)
        },
        "asymmetric": {
            $0.training.target = .asymmetric
            $0.training.noiseRank = 4
        },
        "losses": {
            $0.training.frequencyWeight = 1
            $0.training.timeWeight = .minimumSNR
            ($0.dispersive.weight, $0.dispersive.layer) = (0.5, 1)
        },
        "augmented": { $0.data.augment = 0.5 },
        "densities": {
            $0.training.fieldSizes = [24, 32]
            $0.model.isToldDensity = true
            ($0.model.fieldPositions, $0.model.fieldNeighbors) = (.centers, true)
        },
        "overlap": {
            $0.training.fieldSizes = [24, 32]
            ($0.model.fieldPositions, $0.model.fieldOverlap) = (.centers, 1)
        },
    ]

    @Test(arguments: changes.keys.sorted())
    func aStoppedRunResumesToTheBit(name: String) throws {
        try TinyRuns.with { runs in
            func change(_ configuration: inout Configuration) {
                Self.changes[name]!(&configuration)
                configuration.training.accumulate = 2
            }
            let (whole, resumed) = try runs.wholeAndResumed(stopAfter: 4, change)
            expectSame(try runs.files(whole), try runs.files(resumed.run))
            #expect(try runs.metrics(whole).allSatisfy { $0.loss.isFinite })
        }
    }

    @Test func checkpointsSayWhatTheyPredict() throws {
        try TinyRuns.with { runs in
            let picture = try runs.train("picture", Self.changes["picture"]!).run
            func prediction(_ path: String) throws -> Prediction {
                let checkpoint = try DenoiserCheckpoint(path: path)
                return try checkpoint.prediction(of: checkpoint.architecture(.raw))
            }
            let recorded = try prediction(picture.path)
            #expect(recorded.target == .picture && recorded.noiseScale == 2)
            let asymmetric = try runs.train("asymmetric", Self.changes["asymmetric"]!).run
            #expect(try prediction(asymmetric.path).subspace?.rank == 4)
            let plain = try runs.train("plain").run
            #expect(try prediction(plain.path).isPlain)
            for (run, change) in [("plain", "picture"), ("picture", "asymmetric")] {
                let text = sentence {
                    try runs.train(run, resume: true) {
                        Self.changes[change]!(&$0)
                        $0.training.steps = 9
                    }
                }
                expectSentence(text, naming: ["\(run)/step-0000006", "training.target", "training.noise_scale"])
            }
        }
    }

    @Test func theirPartsAreLogged() throws {
        try TinyRuns.with { runs in
            let metrics = try runs.metrics(runs.train("losses", Self.changes["losses"]!).run)
            for line in metrics {
                let (flow, frequency, disperse) = (
                    try #require(line.flow), try #require(line.frequency), try #require(line.disperse)
                )
                #expect(abs(flow + frequency + 0.5 * disperse - line.loss) < 1e-4)
            }
        }
    }

    @Test func whatDoesNotFitIsRefused() throws {
        try TinyRuns.with { runs in
            func refuse(_ needed: [String], _ change: @escaping (inout Configuration) -> Void) {
                expectSentence(sentence { _ = try runs.train("refused", change) }, naming: needed)
                #expect(!FileManager.default.fileExists(atPath: "\(runs.directory)/refused"))
            }
            refuse(["training.noise_rank is 49", "48"]) {
                $0.training.target = .asymmetric
                $0.training.noiseRank = 49
            }
            refuse(["training.field_sizes", "asymmetric", "picture"]) {
                $0.training.target = .asymmetric
                $0.training.fieldSizes = [24]
            }
            refuse(["training.frequency_weight", "model.field_overlap"]) {
                $0.training.frequencyWeight = 1
                ($0.model.fieldPositions, $0.model.fieldOverlap) = (.centers, 1)
            }
            refuse(["model.field_overlap", "asymmetric"]) {
                Self.changes["asymmetric"]!(&$0)
                ($0.model.fieldPositions, $0.model.fieldOverlap) = (.centers, 1)
            }
            refuse(["field_overlap is 1", "field_positions is corners"]) { $0.model.fieldOverlap = 1 }
            refuse(["field_overlap is 3", "at most 2"]) {
                ($0.model.fieldPositions, $0.model.fieldOverlap) = (.centers, 3)
            }
            refuse(["training.frequency_weight", "training.field_sizes"]) {
                $0.training.frequencyWeight = 1
                $0.training.fieldSizes = [24]
            }
            refuse(["dispersive.layer is 3", "2 transformer blocks"]) {
                ($0.dispersive.weight, $0.dispersive.layer) = (0.5, 3)
            }
            refuse(["data.augment", "data.flip"]) {
                $0.data.augment = 0.1
                $0.data.flip = true
            }
        }
    }

    @Test func clashesAreWarnedOf() throws {
        try TinyRuns.with { runs in
            let log = try runs.train("aligned") {
                runs.align(&$0)
                $0.training.target = .picture
                $0.dispersive.weight = 0.5
                $0.dispersive.layer = 1
            }.log.filter { $0.hasPrefix("warning") }
            #expect(log.count == 2)
            #expect(log.contains { $0.contains("2603.14366") } && log.contains { $0.contains("dispersive.weight") })
        }
    }
}
