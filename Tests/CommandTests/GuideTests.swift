import Foundation
import PixNerdCheckpoints
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// `pixnerd sample` with `--guide`, CFG-Zero* and the samplers of predicted pictures.
@Suite struct GuideTests {
    /// Guidance by 0 at all times, t = 0 too, which leaves the guide's velocity alone.
    private static let onlyGuide = ["--guidance", "0", "--guidance-interval=-1,2"]

    private func sampled(_ place: Workplace, _ out: String, _ arguments: [String]) throws -> (Outcome, [Float]) {
        let outcome = try place.succeed(
            ["sample", "runs/tiny", "--out", "\(out).safetensors", "--classes", "1", "--seeds", "1,2", "--steps", "3"]
                + arguments)
        return (outcome, try place.floats("\(out).safetensors").values)
    }

    @Test func anEarlierStepOfARunGuidesIt() throws {
        try Workplace.with { place in
            try place.prepareTraining()
            // Such a model has no other guidance.
            try place.succeed("train", "tiny.yaml", "--set", "training.label_dropout=0")
            let (plain, later) = try sampled(place, "plain", [])
            #expect(plain.errors.contains("sampled without guidance"))
            let (outcome, guided) = try sampled(place, "guided", ["--guide", "runs/tiny@2"])
            #expect(!outcome.errors.contains("guidance"), "\(outcome.errors)")
            #expect(guided != later)
            for size in [[], ["--size", "24", "--route", "field"]] as [[String]] {
                let name = "size\(size.count)"
                let (_, only) = try sampled(place, name, size + Self.onlyGuide + ["--guide", "runs/tiny@2"])
                let step = "runs/tiny/step-0000002"
                try place.succeed(
                    ["sample", step, "--out", "own-\(name).safetensors", "--classes", "1", "--seeds", "1,2"]
                        + ["--steps", "3"] + size)
                #expect(try place.floats("own-\(name).safetensors").values == only)
            }
            let manifest = try place.manifest("guided.safetensors.json")
            #expect(manifest["guide"] as? String == "runs/tiny/step-0000002")
            let knobs = try #require(manifest["knobs"] as? [String: Any])
            let hash = try #require(knobs["guide_hash"] as? String)
            #expect(hash != knobs["checkpoint_hash"] as? String && !hash.isEmpty)
            let before = try place.manifest("plain.safetensors.json")
            #expect(before["guide"] == nil && (before["knobs"] as? [String: Any])?["guide_hash"] == nil)
        }
    }

    @Test func guidesThatDoNotFit() throws {
        try Workplace.with { place in
            try place.train()
            let fixtures = ["pixnerd/tiny-checkpoint", "pixnerd/grey-checkpoint", "t2i/model"].map {
                Fixtures.path("\($0).safetensors")
            }
            try writeCopy(
                of: SafetensorsFile(path: place.path("runs/tiny/step-0000002/ema.safetensors")),
                to: place.path("renamed.safetensors"), metadata: ["classes": "[\"a\",\"b\"]"])
            for (guide, needed) in [
                ("runs/tiny@5", ["runs/tiny has no saved step 5", "one of 2, 3"]),
                ("runs/other@5", ["runs/other has no saved step 5", "a run with saved steps"]),
                ("runs/tiny@last", ["no checkpoint runs/tiny@last"]),
                ("runs/tiny", ["--guide runs/tiny has no effect", "sampled from", "RUN@STEP"]),
                ("runs/tiny/", ["has no effect"]), ("runs/tiny@3", ["has no effect"]),
                (fixtures[0], ["cannot guide runs/tiny", "5 classes"]),
                (fixtures[1], ["cannot guide runs/tiny", "1 channel and not 3"]),
                (fixtures[2], ["cannot guide runs/tiny", "texts and not classes"]),
                ("renamed.safetensors", ["cannot guide runs/tiny", "classes have other names"]),
            ] {
                try place.refuse("sample", "runs/tiny", "--out", "a.png", "--guide", guide, naming: needed)
            }
            try place.refuse(
                "sample", "runs/tiny", "--out", "a.png", "--guide", "runs/tiny@2", "--guidance", "1",
                naming: ["--guide runs/tiny@2 has no effect", "give --guidance another number"])
            try place.refuse(
                "sample", "runs/tiny", "--out", "renamed.safetensors", "--guide", "renamed.safetensors",
                naming: ["--out is 'renamed.safetensors'", "the same file"])
        }
    }

    @Test func aTextModelIsGuidedUnderItsText() throws {
        try Workplace.with { place in
            try writeCopy(of: SafetensorsFile(path: TextFixture.model), to: place.path("worse.safetensors")) {
                name, values in
                for index in values.indices { values[index] *= 0.98 }
            }
            let prompt = ["--prompt", "a ring", "--seeds", "1"]
            try place.sampleText(
                "guided.safetensors", prompt + Self.onlyGuide + ["--guide", "worse.safetensors"])
            try place.succeed(
                ["sample", "worse.safetensors", "--text-encoder", TextFixture.encoder, "--size", "16", "--steps", "3"]
                    + ["--guidance", "1", "--out", "own.safetensors"] + prompt)
            #expect(try place.floats("guided.safetensors").values == place.floats("own.safetensors").values)
        }
    }

    @Test func rulesAndSamplersCountAndAreRecorded() throws {
        try Workplace.with { place in
            let model = ["sample", TextFixture.classModel, "--size", "8", "--classes", "3", "--seeds", "1"]
            func floats(_ name: String, _ arguments: [String]) throws -> [Float] {
                try place.succeed(model + ["--steps", "6", "--out", "\(name).safetensors"] + arguments)
                return try place.floats("\(name).safetensors").values
            }
            let plain = try floats("plain", [])
            #expect(try floats("rule", ["--zero-star"]) != plain)
            #expect(try floats("zero", ["--zero-steps", "1"]) != plain)
            // Without guidance the rule changes nothing.
            #expect(try floats("off", ["--guidance", "1"]) == floats("off-rule", ["--guidance", "1", "--zero-star"]))
            let dpm = try floats("dpm", ["--sampler", "dpm"])
            let second = try floats("unipc2", ["--sampler", "unipc"])
            let third = try floats(
                "unipc3", ["--sampler", "unipc", "--order", "3", "--zero-star", "--zero-steps", "1"])
            #expect(Set([plain, dpm, second, third]).count == 4)
            let knobs = try ["plain", "dpm", "unipc3"].map { name in
                try #require(place.manifest("\(name).safetensors.json")["knobs"] as? [String: Any])
            }
            #expect(knobs.map { $0["sampler"] as? String } == ["euler", "dpm", "unipc"])
            #expect(knobs.map { $0["order"] as? Int } == [nil, nil, 3])
            #expect(knobs.map { $0["guidance_rule"] as? String } == [nil, nil, "zero-star"])
            #expect(knobs.map { $0["zero_steps"] as? Int } == [nil, nil, 1])
            // Images by another rule do not join these.
            try place.succeed(model + ["--steps", "2", "--out", "pictures"])
            try place.refuse(
                model + ["--steps", "2", "--out", "pictures", "--zero-star"], naming: ["pictures", "guidance_rule"])
        }
    }

    /// What is previewed after the last step is the picture.
    @Test(arguments: ["dpm", "unipc"])
    func previewsEndAtThePicture(sampler: String) throws {
        try Workplace.with { place in
            try place.succeed(
                "sample", TextFixture.classModel, "--size", "8", "--steps", "4", "--seeds", "1", "--sampler", sampler,
                "--zero-steps", "1", "--out", "last.png", "--preview", "now.png", "--preview-every", "1")
            #expect(try place.bytes("now.png") == place.bytes("last.png"))
        }
    }
}
