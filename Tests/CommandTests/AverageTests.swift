import Foundation
import PixNerdCheckpoints
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// `pixnerd average`, and what sampling does with the result.
@Suite struct AverageTests {
    private func train(_ place: Workplace, steps: Int = 8) throws {
        try place.prepareTraining()
        try place.succeed(
            "train", "tiny.yaml", "--set", "training.ema_lengths=0.1,0.2", "--set", "training.steps=\(steps)")
    }

    @Test func sampleTakesTheAverageThatWasChosen() throws {
        try Workplace.with { place in
            try train(place)
            func sample(_ path: String, _ out: String, _ more: String...) throws -> (Data, String) {
                let outcome = try place.succeed(["sample", path, "--out", out, "--steps", "2", "--overwrite"] + more)
                // Without the lines of progress, which come where sampling takes a while.
                let lines = outcome.errors.split(separator: "\n").filter { !$0.contains("  images ") }
                return (try place.bytes(out), lines.joined(separator: "\n"))
            }
            let before = try sample("runs/tiny", "before.png")
            #expect(before.1 == "")
            let info = try place.succeed("info", "runs/tiny").output
            #expect(info.contains("of length 0.1, 0.2, kept of 4 steps up to 8"))

            let done = try place.succeed("average", "runs/tiny", "--length", "0.15")
            #expect(done.output.contains("length 0.15 at step 8"))
            #expect(done.output.contains("8 averages of length 0.1, 0.2"))
            let after = try sample("runs/tiny", "after.png")
            #expect(after.0 != before.0)
            #expect(after.1 == "chosen for runs/tiny in runs/tiny/sampling.json: the average of length 0.15")
            // The EMA is still there, for whoever asks for it.
            #expect(try sample("runs/tiny", "ema.png", "--weights", "ema").0 == before.0)
            #expect(try sample("runs/tiny/step-0000008", "step.png").0 == before.0)

            try place.succeed("average", "runs/tiny", "--length", "0.15", "--out", "average.safetensors")
            #expect(try sample("average.safetensors", "file.png").0 == after.0)
            #expect(try place.succeed("info", "average.safetensors").output.contains("ema_length: 0.15"))
            try place.succeed("convert", "average.safetensors", "bare.safetensors", "--weights", "ema")
            try place.refuse(
                "average", "runs/tiny", "--length", "0.15", "--out", "average.safetensors", naming: ["--overwrite"])

            try place.succeed("train", "tiny.yaml", "--resume", "--set", "training.steps=9")
            let later = try sample("runs/tiny", "later.png")
            #expect(later.1.contains("is of step 8, and the run has gone on"))
            try place.write("{\"steps\": 0}", to: "runs/tiny/sampling.json")
            try place.refuse(
                "sample", "runs/tiny", "--out", "none.png", naming: ["runs/tiny/sampling.json", "remove it"])
        }
    }

    @Test func refusals() throws {
        try Workplace.with { place in
            try train(place, steps: 2)
            try place.refuse("average", "runs/tiny", "--length", "0.05", naming: ["--length is 0.05", "at least 0.08"])
            try place.refuse(
                "average", "runs/tiny", "--length", "1", naming: ["--length is 1.0", "from 0.001 to 0.28"])
            try place.refuse("average", "runs/none", "--length", "0.1", naming: ["no run runs/none"])
            try place.refuse("average", "shapes", "--length", "0.1", naming: ["shapes", "training.ema_lengths"])
            try place.refuse("average", "runs/tiny", "--length", "0.1", "--step", "2", naming: ["--out"])
            try place.refuse(
                "average", "runs/tiny", "--length", "0.1", "--out", "a.png", naming: ["--out", ".safetensors"])
            try place.refuse(
                "train", "tiny.yaml", "--set", "training.ema_lengths=[0.1, 0.3]",
                naming: ["training.ema_lengths", "from 0.001 to 0.28"])
        }
    }

    @Test(.enabled(if: mpirun != nil, "Open MPI's mpirun is not installed"))
    func ranksKeepTheAveragesOfOneProcess() throws {
        try Workplace.with { place in
            try place.prepareTraining()
            func arguments(_ name: String) -> [String] {
                let settings = [
                    "name=\(name)", "threads=1", "training.steps=10", "training.save_every=5",
                    "training.ema_lengths=[0.1]", "training.shard_optimizer=true",
                ]
                return ["train", "tiny.yaml"] + settings.flatMap { ["--set", $0] }
            }
            try place.succeed(arguments("one"))
            try place.succeed(ranks: 2, arguments("two"))
            for step in ["step-0000005", "step-0000010"] {
                let file = "averages/\(step)/length-0.1.safetensors"
                let (one, two) = (try place.tensors("runs/one/\(file)"), try place.tensors("runs/two/\(file)"))
                #expect(one.map(\.name) == two.map(\.name))
                for (own, other) in zip(one, two) { expectClose(other.tensor, own.tensor, .run, own.name) }
            }
        }
    }
}
