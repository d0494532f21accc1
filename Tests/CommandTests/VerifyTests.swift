import PixNerdCheckpoints
import PixNerdTestSupport
import Testing

/// The exit status of `pixnerd verify` tells whether numbers agree.
@Suite struct VerifyTests {
    private func fixture(_ name: String) -> String { Fixtures.path("pixnerd/\(name).safetensors") }

    @Test(arguments: [("tiny", "reference-16x16"), ("tiny", "reference-24x16"), ("grey", "reference-12x6")])
    func aGoodReferenceAgrees(model: String, reference: String) throws {
        try Workplace.with { place in
            let outcome = try place.succeed("verify", fixture("\(model)-checkpoint"), fixture("\(model)-\(reference)"))
            #expect(outcome.output.contains("velocity (ema)") && outcome.output.hasSuffix("All 1 agree.\n"))
            #expect(outcome.errors == "")
        }
    }

    @Test func aGoodRunAgrees() throws {
        try Workplace.with { place in
            let outcome = try place.succeed(
                "verify", fixture("tiny-checkpoint"), fixture("tiny-training"), "--learning-rate", "1e-3", "--ema",
                "0.9")
            #expect(outcome.output.contains("train.loss") && outcome.output.contains("final.ema_denoiser."))
            #expect(!outcome.output.contains("too far") && outcome.output.contains(" agree.\n"))
        }
    }

    @Test func aTamperedReferenceDoesNotAgree() throws {
        try Workplace.with { place in
            try writeCopy(
                of: SafetensorsFile(path: fixture("tiny-reference-16x16")), to: place.path("tampered.safetensors")
            ) { name, values in
                if name == "velocity" { values = values.map { $0 * 1.001 } }
            }
            let outcome = try place.run("verify", fixture("tiny-checkpoint"), "tampered.safetensors")
            #expect(outcome.isExit && outcome.status == 1)
            let lines = outcome.output.split(separator: "\n")
            #expect(lines.contains { $0.hasPrefix("velocity (ema)") && $0.hasSuffix("too far") })
            #expect(lines.last == "1 of 1 are too far away.")
            // As far as is asked for.
            try place.succeed("verify", fixture("tiny-checkpoint"), "tampered.safetensors", "--tolerance", "2e-3")
        }
    }

    @Test func theOtherWeightsDoNotAgree() throws {
        try Workplace.with { place in
            let arguments = ["verify", fixture("tiny-checkpoint"), fixture("tiny-reference-raw-16x16")]
            let (average, raw) = (try place.run(arguments), try place.run(arguments + ["--weights", "raw"]))
            #expect(average.status == 1 && average.output.contains("velocity (ema)"))
            #expect(raw.status == 0 && raw.output.contains("velocity (raw)"))
        }
    }

    @Test func filesThatDoNotFitAreRefused() throws {
        try Workplace.with { place in
            let tiny = fixture("tiny-checkpoint")
            try place.refuse("verify", tiny, "missing.safetensors", naming: ["missing.safetensors", "No such file"])
            try place.refuse("verify", "missing", fixture("tiny-training"), naming: ["no checkpoint missing"])
            try place.refuse("verify", tiny, tiny, naming: [tiny, "neither velocity nor train.loss"])
            let grey = fixture("grey-reference-8x8")
            try place.refuse("verify", tiny, grey, naming: [grey, "do not fit the model"])
            try writeCopy(
                of: SafetensorsFile(path: fixture("tiny-reference-8x8")), to: place.path("lacking.safetensors"),
                without: ["t"])
            try place.refuse("verify", tiny, "lacking.safetensors", naming: ["lacking.safetensors", "the tensor t."])
        }
    }
}
