import Foundation
import PixNerdCheckpoints
import PixNerdImages
import PixNerdModels
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Films through the commands: `verify`, and `vae encode`, `decode`, `check` and `compare`.
@Suite struct VideoTests {
    private static let autoencoder = Fixtures.path("video")

    private func makeFilm(_ place: Workplace, frames: Int = 21, width: Int = 12) throws {
        let pictures = MovingShapes.pictures(index: 0, frames: frames, size: 12, seed: 5)
        try Clip(pictures.map { $0.cropped(x: 0, y: 0, width: width, height: 8) }).write(
            .npz, to: place.path("film.npz"))
    }

    @Test(arguments: [1, 17, 21])
    func agreesWithPyTorch(frames: Int) throws {
        try Workplace.with { place in
            let outcome = try place.succeed(
                "verify", Self.autoencoder, Fixtures.path("video/frames-\(frames).safetensors"))
            #expect(outcome.output.contains("All 3 agree"))
            #expect(outcome.errors.contains("0.13025") && outcome.errors.contains("0.18215"))
        }
    }

    @Test func itIsDescribed() throws {
        try Workplace.with { place in
            let text = try place.succeed("info", Self.autoencoder, "--size", "64").output
            for part in [
                "2 pixels along each side and 4 frames for each latent, in pieces of 17 frames", "filters 4",
                "0.18215 for the latents of images", "which is kept", "104931",
            ] {
                #expect(text.contains(part), "\(text)")
            }
            try place.refuse("info", Self.autoencoder, "--size", "63", naming: ["63"])
        }
    }

    @Test func aFilmGoesThereAndBack() throws {
        try Workplace.with { place in
            try makeFilm(place)
            let common = ["--threads", "1"]
            let outcome = try place.succeed(
                ["vae", "encode", Self.autoencoder, "film.npz", "--out", "a.safetensors"] + common)
            #expect(outcome.output == "21 frames of 12 x 8 pixels are 6 latents 4 x 4 x 6 in a.safetensors.\n")
            let latents = try SafetensorsFile(path: place.path("a.safetensors"))
            #expect(latents.shape(of: "latents") == [1, 4, 6, 4, 6] && latents.metadata["frames"] == "21")
            for name in ["back.gif", "back.png", "back.npz", "back"] {
                try place.succeed(["vae", "decode", Self.autoencoder, "a.safetensors", "--out", name] + common)
            }
            let back = try Clip.read(place.path("back.npz"))
            #expect(back.frames.count == 21 && back.size == ImageSize(height: 8, width: 12))
            #expect(try Clip.read(place.path("back")).frames == back.frames)
            #expect(try Clip.read(place.path("back.png")).frames == back.frames)
            // Drawn latents depend on the seed alone.
            let draw = ["vae", "encode", Self.autoencoder, "film.npz", "--seed", "3", "--overwrite", "--out"]
            try place.succeed(draw + ["b.safetensors"])
            try place.succeed(draw + ["c.safetensors"])
            func values(_ name: String) throws -> [Float] {
                let file = try SafetensorsFile(path: place.path("\(name).safetensors"))
                return try file.tensor("latents").values
            }
            #expect(try values("b") == values("c") && values("a") != values("b"))
        }
    }

    /// Tiles save memory; frames of a small model in tiles are near those of whole frames.
    @Test func memoryAndTiles() throws {
        try Workplace.with { place in
            let pictures = MovingShapes.pictures(index: 0, frames: 5, size: 64, seed: 5)
            try Clip(Array(pictures)).write(.animation(.apng), to: place.path("film.png"))
            let encode = ["vae", "encode", Self.autoencoder, "film.png", "--overwrite", "--out", "a.safetensors"]
            #expect(try place.succeed(encode + ["--vae-tile", "32"]).errors.contains("tiles of 32 pixels"))
            #expect(try place.succeed(encode + ["--memory", "0.0705"]).errors.contains("tiles of"))
            try place.refuse(encode + ["--memory", "0.001"], naming: ["GB", "0.0 GB are allowed"])
            try place.refuse(encode + ["--vae-tile", "33"], naming: ["--vae-tile", "33"])
            try place.refuse(encode + ["--memory", "0"], naming: ["--memory", "above 0"])
        }
    }

    @Test func theFittingFactorIsNamed() throws {
        try Workplace.with { place in
            try makeFilm(place)
            let outcome = try place.run("vae", "check", Self.autoencoder, "film.npz")
            #expect(outcome.isExit && [0, 1].contains(outcome.status))
            for part in [
                "channel 3", "normalized latents with 0.18215, the factor of Stable Diffusion 1",
                "normalized latents with 0.13025, the factor of SDXL", " fits: the normalized latents have mean",
                "the image autoencoder by itself would need",
            ] {
                #expect(outcome.output.contains(part), "\(outcome.output)")
            }
            #expect(outcome.errors.contains("which is kept"))
            let json = try place.run("vae", "check", Self.autoencoder, "film.npz", "--json").output
            let found = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
            #expect((found["trials"] as? [[String: Any]])?.count == 2 && found["frames"] as? Int == 21)
        }
    }

    @Test func roundTripsAreMeasured() throws {
        try Workplace.with { place in
            try makeFilm(place)
            let outcome = try place.succeed(
                "vae", "compare", Self.autoencoder, Self.autoencoder, "film.npz", "--out", "both.gif")
            #expect(outcome.output.contains("PSNR") && !outcome.output.contains("Bits per pixel"))
            #expect(try Clip.read(place.path("both.gif")).size == ImageSize(height: 8, width: 36))
            try place.refuse(
                "vae", "compare", Self.autoencoder, Fixtures.path("autoencoder/sd"), "film.npz",
                naming: ["is a video autoencoder", "video autoencoders alone"])
            try place.refuse(
                "vae", "check", Fixtures.path("autoencoder/sd"), "film.npz", "--memory", "1",
                naming: ["--memory", "films"])
        }
    }

    @Test func unsuitableFilmsAreRefused() throws {
        try Workplace.with { place in
            func refuse(_ needed: [String]) throws {
                try place.refuse(
                    "vae", "encode", Self.autoencoder, "film.npz", "--out", "a.safetensors", naming: needed)
            }
            try makeFilm(place, frames: 1)
            try refuse(["film.npz", "1 frame", "at least 2"])
            try makeFilm(place, width: 11)
            try refuse(["film.npz", "11 x 8", "multiples of 2", "12 x 8"])
            try makeFilm(place)
            try place.succeed("vae", "encode", Self.autoencoder, "film.npz", "--out", "a.safetensors")
            try place.refuse(
                "vae", "decode", Self.autoencoder, "a.safetensors", "--out", "film.mp4", naming: ["film.mp4", ".gif"])
            try place.refuse(
                "vae", "decode", Self.autoencoder, "film.npz", "--out", "film.gif", naming: ["film.npz"])
            let file = try SafetensorsFile(path: place.path("a.safetensors"))
            let latents = try file.tensor("latents")
            try SafetensorsWriter.write(
                [("latents", latents)], metadata: ["frames": "30"], to: place.path("b.safetensors"))
            try place.refuse(
                "vae", "decode", Self.autoencoder, "b.safetensors", "--out", "film.gif",
                naming: ["6 latents for 30 frames", "expected 9"])
        }
    }

    /// Other versions of Open-Sora's autoencoder are named.
    @Test func otherVersionsAreRefusedByName() throws {
        try Workplace.with { place in
            func refuse(_ configuration: String, _ tensors: [String], _ needed: [String]) throws {
                let path = place.path("other")
                try? FileManager.default.removeItem(atPath: path)
                try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
                try Data(configuration.utf8).write(to: URL(fileURLWithPath: "\(path)/config.json"))
                try SafetensorsWriter.write(
                    tensors.map { ($0, Tensor(zeros: [1])) }, to: "\(path)/model.safetensors")
                for command in [
                    ["encode", "other", "film.npz", "--out", "a.safetensors"], ["check", "other", "film.npz"],
                ] {
                    try place.refuse(["vae"] + command, naming: ["other", "Open-Sora 1.2"] + needed)
                }
            }
            try makeFilm(place)
            try refuse(#"{"model_type": "OpenSoraVAE_V1_3_Pipline"}"#, ["temporal_vae.x"], ["Open-Sora 1.3"])
            try refuse(
                #"{"_class_name": "AutoencoderKLCausal3D"}"#, ["encoder.conv_in.conv.weight"],
                ["Open-Sora 2.0", "HunyuanVideo"])
            try refuse("{}", ["encoder.conv_in.conv.weight"], ["causal 3-D autoencoder", "Open-Sora 2.0"])
        }
    }

    @Test func movingShapesAreTrainedOn() throws {
        try Workplace.with { place in
            let made = try place.succeed(
                "dataset", "shapes", "--moving", "--out", "films", "--count", "3", "--frames", "5", "--size", "16")
            #expect(made.output == "3 films of 5 frames are in films.\n")
            let settings = [
                "data.root=films", "data.image_size=16", "latent.vae=\(Fixtures.path("autoencoder/sdxl"))",
                "video.frames=5",
                "video.filters=4", "video.num_groups=2", "training.steps=2", "training.batch_size=2", "name=video",
                "training.preview_every=0", "data.holdout_root=",
            ]
            let trained = try place.succeed(
                ["train", "\(Fixtures.directory)/../../configs/video-shapes.yaml"] + settings.flatMap { ["--set", $0] })
            #expect(trained.output.contains("vae encode checkpoints/video"))
            let outcome = try place.run("vae", "compare", "checkpoints/video", "films", "--out", "trip.gif")
            #expect(outcome.status == 0 && outcome.output.contains("PSNR"))
            try place.refuse(
                "dataset", "shapes", "--moving", "--captions", "--out", "x", naming: ["--moving", "--captions"])
            try place.refuse("dataset", "shapes", "--frames", "5", "--out", "x", naming: ["--frames", "--moving"])
            try place.refuse("dataset", "shapes", "--moving", "--frames", "1", "--out", "x", naming: ["--frames"])
        }
    }
}
