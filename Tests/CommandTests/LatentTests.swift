import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdImages
import PixNerdTestSupport
import Testing

/// Autoencoders, cached latents, and runs in latents, from the command line.
@Suite struct LatentTests {
    private static let autoencoder = [
        "--set", "kind=autoencoder", "--set", "autoencoder.latent_channels=2",
        "--set", "autoencoder.block_out_channels=8,8", "--set", "autoencoder.norm_num_groups=4",
    ]
    private static let latent = [
        "--set", "name=latent", "--set", "space=latent", "--set", "latent.vae=runs/vae", "--set",
        "model.patch_size=2",
    ]
    private static let sample = [
        "sample", "runs/latent", "--out", "pictures", "--steps", "2", "--seeds", "1", "--classes", "0,1",
    ]

    /// Trains `runs/vae` and, in its latents, `runs/latent`.
    private func withRuns(_ body: (Workplace) throws -> Void) throws {
        try Workplace.with { place in
            try place.prepareTraining()
            // An autoencoder must not have the model section.
            let lines = tinyConfiguration.split(separator: "\n", omittingEmptySubsequences: false)
            let model = lines.firstIndex { $0 == "model:" }!
            try place.write(
                (lines[..<model] + lines[(model + 6)...]).joined(separator: "\n"), to: "vae.yaml")
            try trainAutoencoder(place, "vae")
            let trained = try place.succeed(["train", "tiny.yaml"] + Self.latent).output
            #expect(trained.contains("latents    2 channels, f2, of runs/vae/step-0000003 (weights "), "\(trained)")
            try body(place)
        }
    }

    private func trainAutoencoder(_ place: Workplace, _ name: String, seed: Int = 3) throws {
        let output = try place.succeed(
            ["train", "vae.yaml", "--set", "name=\(name)", "--set", "seed=\(seed)"] + Self.autoencoder
        ).output
        #expect(output.contains("f2") && output.contains("--set latent.vae=runs/\(name)"), "\(output)")
    }

    @Test func guidesAreOfTheSameSpace() throws {
        try withRuns { place in
            try place.succeed(Self.sample + ["--guide", "runs/latent@2", "--steps", "3"])
            try place.succeed("train", "tiny.yaml")
            try place.refuse(
                "sample", "runs/tiny", "--out", "a.png", "--guide", "runs/latent",
                naming: ["--guide runs/latent cannot guide runs/tiny", "latents and not pixels"])
            try place.refuse(
                "sample", "runs/latent", "--out", "a.png", "--guide", "runs/tiny",
                naming: ["--guide runs/tiny cannot guide runs/latent", "pixels and not latents"])
        }
    }

    @Test func latentsAreEncodedAheadAndTrainedIn() throws {
        try withRuns { place in
            let encode = ["encode", "latents", "runs/vae", "shapes", "--out", "latents", "--size", "16"]
            #expect(try place.succeed(encode).output == "Latents of 24 images are in latents, 24 of them new.\n")
            #expect(try place.succeed(encode).output == "Latents of 24 images are in latents, 0 of them new.\n")
            let cached = ["--set", "name=cached", "--set", "latent.cache=latents"]
            let output = try place.succeed(["train", "tiny.yaml"] + Self.latent + cached).output
            #expect(output.contains(", from latents\n"))
            #expect(
                try place.bytes("runs/cached/latest/ema.safetensors").count
                    == place.bytes("runs/latent/latest/ema.safetensors").count)
            try place.refuse(encode + ["--dtype", "f16"], naming: ["latents", "another"])
            try place.refuse(
                "encode", "latents", "shapes", "shapes", "--out", "more", naming: ["shapes is not an autoencoder"])
        }
    }

    @Test func picturesAreDecodedByTheRecordedAutoencoder() throws {
        try withRuns { place in
            try place.succeed(Self.sample)
            let first = try place.pictureNames(in: "pictures").map { try place.bytes("pictures/\($0)") }
            #expect(first.count == 2)
            let picture = try ImageFile.read(place.path("pictures/\(place.pictureNames(in: "pictures")[0])"))
            #expect(picture.width == 16 && picture.height == 16)
            let manifest = String(decoding: try place.bytes("pictures/manifest.json"), as: UTF8.self)
            #expect(manifest.contains("\"autoencoder\" : \"") && manifest.contains("factor"))
            // The same weights at another path make the same images.
            try FileManager.default.moveItem(atPath: place.path("runs/vae"), toPath: place.path("moved"))
            try place.refuse(
                Self.sample + ["--overwrite"], naming: ["runs/latent", "runs/vae/step-0000003", "--vae"])
            try place.succeed(Self.sample + ["--overwrite", "--vae", "moved"])
            #expect(try place.pictureNames(in: "pictures").map { try place.bytes("pictures/\($0)") } == first)
            let info = try place.succeed("info", "runs/latent").output
            #expect(info.contains("2 channels, f2, of runs/vae") && info.contains("without the autoencoder"))
            #expect(info.contains("16 x 16"))
        }
    }

    @Test func anotherAutoencoderIsRefused() throws {
        try withRuns { place in
            try trainAutoencoder(place, "other", seed: 4)
            let other = Self.sample + ["--vae", "runs/other"]
            try place.refuse(
                other, naming: ["runs/latent", "runs/vae/step-0000003 (weights", "runs/other", "--vae-override"])
            try place.succeed(other + ["--vae-override"])
            // Another scale is another autoencoder.
            let path = place.path("runs/vae/latest/config.json")
            let text = try String(contentsOfFile: path, encoding: .utf8)
            let scaled = text.replacing(/"scaling_factor"\s*:\s*[0-9.]+/) { _ in "\"scaling_factor\": 0.5" }
            #expect(scaled != text)
            try scaled.write(toFile: path, atomically: true, encoding: .utf8)
            try place.refuse(Self.sample + ["--overwrite"], naming: ["factor 0.5", "--vae-override"])
            // A run resumes only with its own autoencoder.
            try place.refuse(
                ["train", "tiny.yaml", "--resume", "--set", "training.steps=5"] + Self.latent + [
                    "--set", "latent.vae=runs/other",
                ], naming: ["runs/vae", "runs/other", "--vae-override"])
        }
    }

    /// Published weights tell neither their autoencoder nor their training size.
    @Test func aPublishedFileNeedsItsAutoencoder() throws {
        try withRuns { place in
            let file = try SafetensorsFile(path: place.path("runs/latent/latest/ema.safetensors"))
            try SafetensorsWriter.write(
                file.names.map { (String($0.dropFirst("ema_denoiser.".count)), try file.tensor($0)) },
                to: place.path("bare.safetensors"))
            let sample = ["sample", "bare.safetensors", "--out", "a.png", "--size", "16", "--steps", "2"]
            try place.refuse(sample, naming: ["latents of 2 channels", "with --vae"])
            try place.succeed(sample + ["--vae", "runs/vae"])
            let other = try Fixtures.autoencoder("sd").path
            try place.refuse(
                sample + ["--overwrite", "--vae", other], naming: ["latents of 2 channels", other, "has 4"])
        }
    }

    @Test func pixelsAreNotDecoded() throws {
        try Workplace.with { place in
            try place.train()
            let sample = ["sample", "runs/tiny", "--out", "a.png", "--steps", "2"]
            try place.refuse(sample + ["--vae", "runs/tiny"], naming: ["in pixels", "leave --vae out"])
            try place.refuse(sample + ["--vae-tile", "8"], naming: ["leave --vae-tile out"])
        }
    }

    @Test func sizesAreThoseOfPatchesTimesReduction() throws {
        try withRuns { place in
            let outcome = try place.succeed(Self.sample + ["--size", "18x30"])
            #expect(outcome.errors.contains("18 x 30 is not a multiple of 4") && outcome.errors.contains("20 x 32"))
            let name = try place.pictureNames(in: "pictures")[0]
            let picture = try ImageFile.read(place.path("pictures/\(name)"))
            #expect(picture.height == 18 && picture.width == 30)
            let tiled = try place.succeed(
                Self.sample + ["--size", "18x30", "--overwrite", "--vae-tile", "16"])
            #expect(
                tiled.errors.contains("tiles of 16 pixels that overlap by 4")
                    && tiled.errors.contains("differ slightly"))
            let manifest = String(decoding: try place.bytes("pictures/manifest.json"), as: UTF8.self)
            #expect(manifest.contains("\"autoencoder_tile\" : 16"))
            // A single tile covers the whole image, so there is no warning.
            let whole = try place.succeed(Self.sample + ["--overwrite", "--vae-tile", "16"])
            #expect(!whole.errors.contains("tiles"))
            try place.refuse(
                Self.sample + ["--overwrite", "--vae-tile", "15"], naming: ["--vae-tile is 15", "nearest"])
        }
    }
}
