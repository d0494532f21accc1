import Foundation
import PixNerdCheckpoints
import PixNerdTestSupport
import Testing

/// `pixnerd distill`, and what its students may be asked for.
@Suite struct DistillTests {
    private func sample(_ run: String, _ out: String, _ more: String...) -> [String] {
        ["sample", "runs/\(run)", "--out", out, "--classes", "1", "--seeds", "1"] + more
    }

    @Test func aRunBecomesOneOfFewSteps() throws {
        try Workplace.with { place in
            try place.prepareTraining()
            try place.succeed(
                "train", "tiny.yaml", "--set", "training.frequency_weight=0.5", "--set", "dispersive.weight=0.1",
                "--set", "dispersive.layer=1")
            let before = try place.names(in: "runs/tiny")
            let outcome = try place.succeed("distill", "runs/tiny", "--steps", "4")
            #expect(outcome.output.contains("pixnerd sample runs/tiny-jumps"))
            #expect(try place.names(in: "runs/tiny") == before)
            let written = try String(contentsOfFile: place.path("runs/tiny-jumps/config.yaml"), encoding: .utf8)
            #expect(written.contains("runs/tiny-guided/step-0000004") && written.contains("frequency_weight: 0"))
            // A fifth of the run's rate, once.
            for run in ["guided", "jumps"] {
                let text = String(decoding: try place.bytes("runs/tiny-\(run)/config.yaml"), as: UTF8.self)
                #expect(text.contains("\n  learning_rate: \(Float(1e-3) * 0.2)\n"), "\(text)")
            }
            let told = try place.succeed("info", "runs/tiny-jumps").output
            #expect(told.contains("told interval, strength"))
            // Four jumps by default, and other numbers where they are asked for.
            try place.succeed(sample("tiny-jumps", "a.safetensors"))
            let knobs = try #require(place.manifest("a.safetensors.json")["knobs"] as? [String: Any])
            #expect(knobs["sampler"] as? String == "jumps" && knobs["steps"] as? Int == 4)
            #expect(knobs["guidance_rule"] as? String == "told")
            try place.succeed(sample("tiny-jumps", "b.safetensors", "--steps", "1", "--guidance", "6"))
            try place.succeed(sample("tiny-guided", "c.safetensors", "--sampler", "heun", "--guidance", "2"))
            #expect(
                try place.floats("a.safetensors").values != place.floats("b.safetensors").values)
        }
    }

    @Test func nothingIsOverwritten() throws {
        try Workplace.with { place in
            try place.train()
            try place.succeed("distill", "runs/tiny", "--stage", "guidance", "--steps", "2")
            let before = try place.bytes("runs/tiny-guided/config.yaml")
            try place.refuse("distill", "runs/tiny", naming: ["runs/tiny-guided already exists", "--resume", "--name"])
            try place.refuse(
                "distill", "runs/tiny", "--set", "name=tiny-guided", naming: ["--set name=tiny-guided", "--name"])
            try place.refuse(
                "distill", "runs/tiny", "--set", "few_steps.method=split", naming: ["few_steps.method", "--stage"])
            // A run that is no student is not gone on with.
            try place.succeed("train", "tiny.yaml", "--set", "name=other-guided")
            try place.refuse(
                "distill", "runs/tiny", "--name", "other", "--resume",
                naming: ["runs/other-guided already exists", "no student of runs/tiny"])
            #expect(try place.bytes("runs/tiny-guided/config.yaml") == before)
            // What is finished stays, and the rest is done.
            let outcome = try place.succeed("distill", "runs/tiny", "--steps", "2", "--resume")
            #expect(outcome.output.contains("runs/tiny-guided is finished."))
            #expect(place.exists("runs/tiny-jumps/step-0000002"))
            #expect(try place.bytes("runs/tiny-guided/config.yaml") == before)
            // A student goes on with its own teacher, although that has gone on.
            try place.succeed("train", "tiny.yaml", "--set", "training.steps=4", "--resume")
            try place.succeed("distill", "runs/tiny", "--stage", "guidance", "--steps", "4", "--resume")
            #expect(place.exists("runs/tiny-guided/step-0000004"))
        }
    }

    @Test func whatStudentsAreNotAskedFor() throws {
        try Workplace.with { place in
            try place.train()
            try place.succeed("distill", "runs/tiny", "--steps", "2")
            for run in ["tiny-guided", "tiny-jumps"] {
                try place.refuse(
                    sample(run, "a.png", "--guide", "runs/tiny@2"),
                    naming: ["runs/\(run) is told its guidance", "another model", "leave --guide out"])
                try place.refuse(sample(run, "a.png", "--zero-star"), naming: ["runs/\(run)", "--zero-star out"])
                try place.refuse(
                    sample(run, "a.png", "--guidance-interval", "0.1,0.9"), naming: ["--guidance-interval out"])
                for scale in ["0.5", "9", "2,3"] {
                    try place.refuse(
                        sample(run, "a.png", "--guidance", scale), naming: ["--guidance is", "from 1 to 8"])
                }
                try place.refuse(
                    sample("tiny", "a.png", "--guide", "runs/\(run)"), naming: ["cannot guide", "few steps"])
            }
            try place.refuse(sample("tiny-jumps", "a.png", "--sampler", "heun"), naming: ["heun", "--sampler out"])
            try place.refuse(sample("tiny-jumps", "a.png", "--zero-steps", "1"), naming: ["--zero-steps out"])
            try place.refuse("distill", "runs/tiny-jumps", naming: ["jumps already"])
            try place.refuse("distill", "runs/tiny-guided", "--stage", "guidance", naming: ["told its guidance"])
            try place.refuse("distill", "runs", naming: ["runs is not a run with a saved step"])
        }
    }

    /// A run that cannot be guided has only a student that jumps, which is not guided either.
    @Test func withoutGuidanceOnlyJumpsAreMade() throws {
        try Workplace.with { place in
            try place.prepareTraining()
            try place.succeed("train", "tiny.yaml", "--set", "training.label_dropout=0")
            try place.refuse("distill", "runs/tiny", "--stage", "guidance", naming: ["label_dropout", "split"])
            try place.succeed("distill", "runs/tiny", "--steps", "2")
            #expect(!place.exists("runs/tiny-guided"))
            try place.succeed(sample("tiny-jumps", "a.png"))
            try place.refuse(
                sample("tiny-jumps", "a.png", "--guidance", "2"), naming: ["not guided", "--guidance out"])
        }
    }
}
