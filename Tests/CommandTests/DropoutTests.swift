import PixNerdTestSupport
import Testing

/// Runs with `model.dropout`.
@Suite struct DropoutCommandTests {
    private let options =
        ["train", "tiny.yaml"]
        + ["model.num_blocks=5", "model.num_cond_blocks=4", "model.dropout=0.2", "threads=1"].flatMap { ["--set", $0] }

    @Test(.enabled(if: mpirun != nil, "Open MPI's mpirun is not installed"))
    func processesDropTheSame() throws {
        try Workplace.with { place in
            try place.prepareTraining()
            try place.succeed(options + ["--set", "name=one"])
            try place.succeed(ranks: 2, options + ["--set", "name=two"])
            let (one, two) = (try place.losses("one"), try place.losses("two"))
            #expect(one.count == 3 && two.count == 3)
            #expect(zip(one, two).allSatisfy { abs($0 - $1) < 1e-4 * $0 }, "\(one) and \(two)")
            // Nothing is dropped in sampling.
            for name in ["a.png", "b.png"] {
                try place.succeed("sample", "runs/one", "--out", name, "--steps", "2", "--seeds", "1")
            }
            #expect(try place.bytes("a.png") == place.bytes("b.png"))
        }
    }

    @Test func aRateOutOfRangeIsRefused() throws {
        try Workplace.with { place in
            try place.prepareTraining()
            try place.refuse(
                "train", "tiny.yaml", "--set", "model.dropout=1", naming: ["model.dropout", "from 0.0 to 0.9"])
        }
    }
}
