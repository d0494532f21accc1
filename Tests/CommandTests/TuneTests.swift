import Foundation
import PixNerdImages
import PixNerdTestSupport
import Testing

/// `pixnerd tune`, on a model that has hardly learned anything.
@Suite struct TuneTests {
    private func tune(_ place: Workplace, _ more: String...) throws -> Outcome {
        let few = ["--samples", "16", "--sampler", "euler", "--interval", "0.1,0.9", "--guidance", "1,2"]
        return try place.succeed(["tune", "runs/tiny"] + few + more)
    }

    @Test func betterSettingsBecomeTheDefaults() throws {
        try Workplace.with { place in
            try place.prepareTraining()
            try place.succeed(
                "train", "tiny.yaml", "--set", "training.ema_lengths=0.1,0.2", "--set", "training.steps=8", "--set",
                "sampling.steps=3")
            // Far too much guidance, as the defaults so far.
            let bad = "{\"guidance\": [400.0], \"guidance_interval\": [0.0, 1.0]}"
            try place.write(bad, to: "runs/tiny/sampling.json")
            let dry = try tune(place, "--dry-run")
            #expect(dry.output.contains("not written because of --dry-run"))
            #expect(dry.errors.contains("training images, shapes"))
            #expect(try String(decoding: place.bytes("runs/tiny/sampling.json"), as: UTF8.self) == bad)
            let sheet = try ImageFile.read(place.path("runs/tiny/tune.png"))
            #expect(sheet.width > 8 * 64 && sheet.height > 3 * 64)

            let again = try tune(place)
            #expect(again.errors.contains("already holds"))
            #expect(again.output.contains("pixnerd sample runs/tiny now takes"))
            let table = again.output.split(separator: "\n").filter { $0.contains("euler, 3 steps") }
            #expect(table.count >= 5 && table.contains { $0.hasSuffix("before") && $0.contains("guidance 400.0") })
            let sampled = try place.succeed("sample", "runs/tiny", "--out", "a.png")
            #expect(sampled.errors.hasPrefix("chosen for runs/tiny in runs/tiny/sampling.json: "))
            #expect(sampled.errors.contains("3 steps"))
            // Averages that were tried and not chosen are gone.
            let kept = try place.names(in: "runs/tiny/averages/step-0000008")
            #expect(kept.filter { $0.hasPrefix("chosen-") }.count <= 1)
        }
    }

    @Test func withoutTimeNothingChanges() throws {
        try Workplace.with { place in
            try place.train()
            let outcome = try place.succeed(
                "tune", "runs/tiny", "--samples", "8", "--guidance", "1,2", "--time", "0.001s", "--reference", "shapes")
            #expect(outcome.output.contains("The run's defaults stay as they are"))
            #expect(!place.exists("runs/tiny/sampling.json") && place.exists("runs/tiny/tune.json"))
            #expect(outcome.errors.contains("lengths of averages are not tried"))
        }
    }

    @Test func modelsOfFewStepsAreTunedByWhatTheyAreTold() throws {
        try Workplace.with { place in
            try place.train()
            try place.succeed("distill", "runs/tiny", "--steps", "2")
            for run in ["tiny-guided", "tiny-jumps"] {
                let outcome = try place.succeed(
                    "tune", "runs/\(run)", "--samples", "16", "--guidance", "1,2,20", "--steps", "1,2", "--sampler",
                    "euler,heun", "--reference", "shapes")
                #expect(outcome.output.contains("guidance 2.0, "), "\(outcome.output)")
                #expect(!outcome.output.contains(" in 0") && !outcome.output.contains("20.0"))
                #expect(outcome.output.contains("heun") == (run == "tiny-guided"))
                try place.succeed("sample", "runs/\(run)", "--out", "\(run).png")
            }
        }
    }

    @Test func refusals() throws {
        try Workplace.with { place in
            try place.train()
            func refuse(_ arguments: String..., naming needed: [String]) throws {
                try place.refuse(["tune"] + arguments, naming: needed)
            }
            try refuse("shapes", naming: ["shapes", "not a run"])
            try refuse(
                "runs/tiny", "--reference", "shapes", "--lengths", "0.1",
                naming: ["runs/tiny", "--lengths", "training.ema_lengths"])
            try refuse("runs/tiny", "--measure", "fid", naming: ["fid", "--weights"])
            try refuse("runs/tiny", "--reference", "none", naming: ["none"])
            try refuse("runs/tiny", "--time", "soon", naming: ["--time is 'soon'"])
            try refuse("runs/tiny", "--guidance", "1,much", naming: ["--guidance holds 'much'"])
            try refuse("runs/tiny", "--interval", "0.9,0.1", naming: ["--interval is '0.9,0.1'"])
            try refuse("runs/tiny", "--sampler", "magic", naming: ["--sampler holds 'magic'", "euler"])
            try refuse("runs/tiny", "--steps", "2.5", naming: ["--steps holds '2.5'"])
            try FileManager.default.removeItem(atPath: place.path("shapes"))
            try refuse("runs/tiny", naming: ["training images of the run", "--reference"])
        }
    }
}
