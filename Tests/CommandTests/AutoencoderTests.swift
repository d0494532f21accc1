import PixNerdCheckpoints
import PixNerdTestSupport
import Testing

/// The commands that take any model, with an autoencoder.
@Suite struct AutoencoderTests {
    @Test(arguments: ["sd", "sdxl", "sd3"])
    func anAutoencoderAgrees(kind: String) throws {
        try Workplace.with { place in
            let (path, reference) = try Fixtures.autoencoder(kind)
            let outcome = try place.succeed("verify", path, reference.path)
            #expect(["mean", "logvar", "decoded"].allSatisfy { outcome.output.contains($0) })
            #expect(outcome.output.hasSuffix("All 3 agree.\n"))
        }
    }

    @Test func aTamperedReferenceDoesNotAgree() throws {
        try Workplace.with { place in
            let (path, reference) = try Fixtures.autoencoder("sd")
            try writeCopy(of: reference, to: place.path("tampered.safetensors")) { name, values in
                if name == "logvar" { values = values.map { $0 * 1.001 } }
            }
            let outcome = try place.run("verify", path, "tampered.safetensors")
            #expect(outcome.isExit && outcome.status == 1)
            #expect(outcome.output.hasSuffix("1 of 3 are too far away.\n"))
            // Another autoencoder has other latents.
            let other = try Fixtures.autoencoder("sd3").path
            try place.refuse("verify", other, reference.path, naming: [reference.path, "mean", "16"])
        }
    }

    @Test func anAutoencoderIsDescribed() throws {
        try Workplace.with { place in
            let text = try place.succeed("info", Fixtures.autoencoder("sd3").path, "--size", "64x32").output
            for part in [
                "not a published one", "latent_channels 16", "factor 1.5305, shift 0.0609", "without quant_conv",
                "fingerprint", "64 x 32",
            ] {
                #expect(text.contains(part), "\(part)")
            }
            let json = try place.succeed("info", Fixtures.autoencoder("sdxl").path, "--json").output
            #expect(json.contains("\"scaling_factor\" : 0.13025"))
            try place.refuse(
                "info", Fixtures.autoencoder("sd").path, "--size", "30", naming: ["--size", "30", "32"])
        }
    }
}
