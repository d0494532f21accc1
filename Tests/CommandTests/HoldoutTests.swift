import Foundation
import PixNerdTestSupport
import Testing

/// `pixnerd train` with held-out images.
@Suite struct HoldoutTests {
    private func arguments(_ name: String, _ settings: String...) -> [String] {
        let all = [
            "name=\(name)", "threads=1", "training.steps=8", "training.batch_size=12", "training.save_every=8",
            "training.preview_every=0", "data.holdout=0.2", "training.holdout_every=4", "training.holdout_images=50",
        ]
        return ["train", "tiny.yaml"] + (all + settings).flatMap { ["--set", $0] }
    }

    /// The held-out losses of a run and those of images that are trained on, in total and by time.
    private func losses(_ place: Workplace, _ name: String) throws -> [Double] {
        let lines = try String(contentsOfFile: place.path("runs/\(name)/metrics.jsonl"), encoding: .utf8)
        return try lines.split(separator: "\n").flatMap { line -> [Double] in
            let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            guard let loss = object["holdout_loss"] as? Double else { return [] }
            let seen = try #require(object["seen_loss"] as? Double)
            let bins = try ["holdout_loss_by_time", "seen_loss_by_time"].map {
                try #require(object[$0] as? [Double])
            }
            return [loss, seen] + bins.flatMap { $0 }
        }
    }

    @Test func theSummaryAndTheProgressSayWhatIsMeasured() throws {
        try Workplace.with { place in
            try place.prepareTraining()
            let outcome = try place.succeed(arguments("one"))
            let said = outcome.output + outcome.errors
            #expect(said.contains("measured every 4 steps on 50") && said.contains("held out "), "\(said)")
            #expect(try losses(place, "one").count == 2 * 22)
            let refused = try place.run(arguments("two", "data.holdout_root=shapes"))
            #expect(refused.status != 0)
            expectSentence(
                refused.errors.trimmingCharacters(in: .whitespacesAndNewlines), naming: ["data.holdout_root"])
        }
    }

    @Test(.enabled(if: mpirun != nil, "Open MPI's mpirun is not installed"))
    func anyNumberOfProcessesMeasuresTheSame() throws {
        try Workplace.with { place in
            try place.prepareTraining()
            try place.succeed(arguments("one"))
            let expected = try losses(place, "one")
            #expect(expected.count == 44)
            for ranks in [2, 3] {
                for (name, shares) in [("plain\(ranks)", "false"), ("shared\(ranks)", "true")] {
                    try place.succeed(ranks: ranks, arguments(name, "training.shard_optimizer=\(shares)"))
                    let found = try losses(place, name)
                    #expect(found.count == 44)
                    // Only the rounding of sums differs.
                    let differences = zip(found, expected).map { abs($0 - $1) / $1 }
                    #expect(differences.allSatisfy { $0 < 1e-4 }, "\(name): \(differences.max() ?? .nan)")
                }
            }
            // A run that goes on with another number keeps what it knows.
            let outcome = try place.run(arguments("plain2", "training.steps=12") + ["--resume"])
            #expect(outcome.status == 0 && !outcome.errors.contains("held-out images are others"), "\(outcome.errors)")
            #expect(try losses(place, "plain2").count == 66)
        }
    }
}
