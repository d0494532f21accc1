import PixNerdCheckpoints
import PixNerdImages
import PixNerdTestSupport
import Testing

/// A checkpoint of the plain DiT, with the layout of its training script, is used as any other.
@Suite struct DiTTests {
    private let checkpoint = Fixtures.path("dit/tiny.pt")

    @Test func itIsDescribed() throws {
        try Workplace.with { place in
            let text = try place.succeed("info", checkpoint).output
            for part in ["DiT: hidden_size 64, num_heads 4, depth 3", "learn_sigma", "num_classes 8"] {
                #expect(text.contains(part), "\(part) in \(text)")
            }
        }
    }

    @Test(arguments: ["reference", "wide"])
    func itAgreesWithPyTorch(name: String) throws {
        try Workplace.with { place in
            let outcome = try place.succeed("verify", checkpoint, Fixtures.path("dit/tiny-\(name).safetensors"))
            #expect(outcome.output.contains("velocity (ema)") && outcome.output.hasSuffix("All 1 agree.\n"))
        }
    }

    /// At the size of training and another, with every sampler; the same seed gives the same image alone and in a batch.
    @Test func imagesAreSampled() throws {
        try Workplace.with { place in
            let sample = [
                "sample", checkpoint, "--vae", try Fixtures.autoencoder("sd").path, "--classes", "3,7", "--steps", "4",
                "--out", "a.npz",
            ]
            let own = try place.succeed(sample)
            #expect(!own.errors.contains("never saw"), "\(own.errors)")
            let images = try NpzFile(path: place.path("a.npz"))
            #expect(images.shape(of: "arr_0")?.first == 8)
            for sampler in ["heun", "adams", "sde"] {
                try place.succeed(sample + ["--sampler", sampler, "--overwrite"])
            }
            let wide = try place.succeed(sample + ["--size", "32x48", "--overwrite"])
            #expect(wide.errors.contains("trained at 64 x 64") && wide.errors.contains("32 x 48"), "\(wide.errors)")
        }
    }

    @Test func itNeedsItsAutoencoder() throws {
        try Workplace.with { place in
            try place.refuse(
                "sample", checkpoint, "--out", "a.png", naming: ["tiny.pt", "latents of 4 channels", "--vae"])
        }
    }
}
