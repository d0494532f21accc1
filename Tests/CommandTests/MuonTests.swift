import PixNerdTestSupport
import Testing

/// Runs with `training.optimizer=muon`.
@Suite struct MuonTests {
    private let options = ["train", "tiny.yaml", "--set", "training.optimizer=muon"]

    @Test func theCostIsSaidBeforeTheFirstStep() throws {
        try Workplace.with { place in
            try place.prepareTraining()
            let outcome = try place.succeed(options)
            let line = try #require(outcome.output.split(separator: "\n").first { $0.contains("Muon") })
            #expect(line.hasPrefix("optimizer"))
            // Two blocks of width 16 with MLPs of width 42.
            #expect(line.contains("Muon for 12 matrices of 9152 parameters, AdamW for the rest"), "\(line)")
            #expect(line.contains("more multiply-adds per step") && line.contains("% of those of its images"))
            try place.refuse(
                "train", "tiny.yaml", "--resume", naming: ["runs/tiny", "the optimizer muon", "another name"])
        }
    }

    @Test(.enabled(if: mpirun != nil, "Open MPI's mpirun is not installed"), arguments: [2, 3])
    func processesFollowOne(ranks: Int) throws {
        try Workplace.with { place in
            try place.prepareTraining()
            let settings = ["threads=1", "training.steps=20", "training.batch_size=6", "training.gradient_clip=0.5"]
            let run = options + settings.flatMap { ["--set", $0] }
            try place.succeed(run + ["--set", "name=one"])
            try place.succeed(ranks: ranks, run + ["--set", "name=several"])
            let (one, several) = (try place.losses("one"), try place.losses("several"))
            #expect(one.count == 20 && several.count == 20)
            let differences = zip(several, one).map { abs($0 - $1) / $1 }
            // Gradients are summed in another order, and small singular values grow.
            #expect(differences.allSatisfy { $0 < 1e-3 }, "\(differences)")
            try place.succeed(ranks: ranks, run + ["--resume", "--set", "name=one", "--set", "training.steps=22"])
            let sharded = options + ["--set", "training.shard_optimizer=true"]
            try place.refuse(ranks: [sharded, sharded], naming: ["training.shard_optimizer", "muon"])
        }
    }
}
