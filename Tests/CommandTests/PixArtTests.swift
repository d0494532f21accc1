import Foundation
import PixNerdCheckpoints
import PixNerdModels
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// PixArt in the command: a pipeline as it is downloaded, prompts that were encoded ahead, and the autoencoder that each
/// family takes.
@Suite struct PixArtTests {
    /// A bare file of a model whose rows for no text tell its family.
    private static func bare(in place: Workplace, rows: Int) throws -> String {
        let sizes = try PixArtArchitecture(
            hiddenSize: 144, heads: 2, depth: 1, textWidth: 16, textLength: rows, baseGrid: 8)
        let model = PixArt(sizes, seed: 1)
        let path = place.path("bare-\(rows).safetensors")
        // The second position lies one column to the right.
        var positions = [Float](repeating: 0, count: 64 * 144)
        (positions[144], positions[144 + 36]) = (sinf(1), cosf(1))
        var tensors = (model.parameters + model.constants).map { (name: $0.name, tensor: $0.value) }
        tensors.append((name: "pos_embed", tensor: Tensor(positions, shape: [1, 64, 144])))
        try SafetensorsWriter.write(tensors, to: path)
        return path
    }

    @Test func aPipelineIsSampled() throws {
        try Workplace.with { place in
            let pipeline = try place.makePixArtPipeline()
            #expect(try place.succeed("info", pipeline).output.contains("PixArt: hidden_size 24"))
            let prompt = ["--prompt", "A small cat beside the old BOAT", "--seeds", "1,2", "--size", "64x48"]
            try place.succeed(["sample", pipeline, "--steps", "3", "--out", "whole.npz"] + prompt)
            #expect(try NpzFile(path: place.path("whole.npz")).shape(of: "arr_0") == [2, 64, 48, 3])
            // One step begins where a student's noise lies, without guidance.
            try place.succeed(["sample", pipeline, "--steps", "1", "--out", "once"] + prompt)
            let manifest = try String(contentsOfFile: place.path("once/manifest.json"), encoding: .utf8)
            #expect(manifest.contains("diffusers from 400") && manifest.contains("published"), "\(manifest)")

            // Rows that were encoded ahead give the image of the encoder.
            try place.succeed(
                "encode", "prompts", pipeline, "--prompt", prompt[1], "--prompt", "", "--length", "120", "--cleaning",
                "published", "--out", "rows")
            try place.succeed(
                ["sample", pipeline, "--steps", "3", "--text-encoder", "rows", "--out", "stored.npz"] + prompt)
            let images = try ["whole.npz", "stored.npz"].map {
                try NpzFile(path: place.path($0)).tensor("arr_0").values
            }
            // Kept weights are multiplied by other kernels, so the last bits of rows may differ.
            let differences = zip(images[0], images[1]).map { abs($0 - $1) }
            #expect(differences.reduce(0, +) / Float(differences.count) < 0.1 && differences.max()! <= 2)
            try place.refuse(
                "sample", pipeline, "--text-encoder", "rows", "--prompt", "a dog", "--out", "dog.png",
                naming: ["rows", "a dog", "encode prompts"])
        }
    }

    @Test func stepsOfOtherModelsAreRefused() throws {
        try Workplace.with { place in
            let pipeline = try place.makePixArtPipeline()
            try place.refuse(
                "sample", pipeline, "--prompt", "a", "--shift", "3", "--out", "a.png",
                naming: ["--shift", "--time-grid"])
            try place.refuse(
                "sample", Fixtures.path("dit/tiny.pt"), "--vae", Fixtures.path("autoencoder/sd"), "--first-step", "400",
                "--out", "a.png", naming: ["--first-step"])
            try place.refuse(
                "sample", pipeline, "--prompt", "a", "--first-step", "10", "--steps", "20", "--out", "a.png",
                naming: ["--steps", "10"])
        }
    }

    /// Alpha and its student take Stable Diffusion's autoencoder, Sigma SDXL's; another is named, with the right one.
    @Test func theRightAutoencoderIsTaken() throws {
        try Workplace.with { place in
            let (sd, sdxl) = (try Fixtures.autoencoder("sd").path, try Fixtures.autoencoder("sdxl").path)
            let (alpha, sigma) = (try Self.bare(in: place, rows: 120), try Self.bare(in: place, rows: 300))
            let rest = ["--prompt", "a", "--text-encoder", "none", "--out", "a.png"]
            for (model, vae, name, right) in [
                (alpha, sdxl, "PixArt-alpha", "Stable Diffusion 1"), (sigma, sd, "PixArt-Sigma", "SDXL"),
            ] {
                try place.refuse(["sample", model, "--vae", vae] + rest, naming: [name, right, "--vae", vae])
                try place.refuse(["sample", model] + rest, naming: [name, right, "--vae"])
            }
            // The right pairs, and a wrong one that is asked for, get as far as the encoder.
            for arguments in [
                [alpha, "--vae", sd], [sigma, "--vae", sdxl], [alpha, "--vae", sdxl, "--vae-override"],
            ] {
                let outcome = try place.run(["sample"] + arguments + rest)
                #expect(!outcome.errors.contains("takes the autoencoder") && outcome.errors.contains("none"))
            }
            // A file that does not say its family takes what it is given, and asks where nothing is given.
            let unknown = try Self.bare(in: place, rows: 14)
            try place.refuse(["sample", unknown] + rest, naming: ["latents of 4 channels", "--vae"])
            // That of a pipeline is checked, too.
            let pipeline = try place.makePixArtPipeline("PixArtSigmaPipeline")
            try place.refuse(
                ["sample", pipeline, "--prompt", "a", "--out", "a.png"], naming: ["PixArt-Sigma", "SDXL"])
        }
    }
}
