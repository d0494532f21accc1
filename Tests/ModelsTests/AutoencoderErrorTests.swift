import Foundation
import PixNerdCheckpoints
import PixNerdModels
import PixNerdTestSupport
import Testing

/// Errors about an autoencoder on disk are one sentence.
@Suite struct AutoencoderErrorTests {
    /// Expects an error for a copy of the fixture `sd` with a changed configuration or file.
    private func expectRefusal(
        naming needed: [String], file: (SafetensorsFile, String) throws -> Void = { try writeCopy(of: $0, to: $1) },
        configuration change: (inout [String: Any]) -> Void = { _ in }
    ) throws {
        let (path, _) = try Fixtures.autoencoder("sd")
        try withTemporaryDirectory { directory in
            let json = try #require(FileManager.default.contents(atPath: "\(path)/config.json"))
            var configuration = try #require(JSONSerialization.jsonObject(with: json) as? [String: Any])
            change(&configuration)
            try JSONSerialization.data(withJSONObject: configuration)
                .write(to: URL(fileURLWithPath: "\(directory)/config.json"))
            try file(
                SafetensorsFile(path: "\(path)/diffusion_pytorch_model.safetensors"),
                "\(directory)/diffusion_pytorch_model.safetensors")
            do {
                _ = try AutoencoderCheckpoint(path: directory).load()
                Issue.record("nothing was thrown where \(needed) is expected")
            } catch {
                expectSentence("\(error)", naming: needed)
            }
        }
    }

    @Test func anotherClass() throws {
        try expectRefusal(
            naming: ["config.json", "_class_name", "AutoencoderTiny"],
            configuration: { $0["_class_name"] = "AutoencoderTiny" })
    }

    @Test func anotherActivation() throws {
        try expectRefusal(naming: ["act_fn", "relu", "silu"], configuration: { $0["act_fn"] = "relu" })
    }

    @Test func groupsThatDoNotDivide() throws {
        try expectRefusal(
            naming: ["config.json", "norm_num_groups", "32"], configuration: { $0["norm_num_groups"] = 32 })
    }

    @Test func widthsOfAnotherModel() throws {
        try expectRefusal(
            naming: ["diffusion_pytorch_model.safetensors", "encoder.conv_in.weight"],
            configuration: { $0["block_out_channels"] = [4, 12, 12] })
    }

    @Test func statisticsOfAnotherNumberOfChannels() throws {
        try expectRefusal(naming: ["latents_mean", "4 numbers"], configuration: { $0["latents_mean"] = [0.1, 0.2] })
        try expectRefusal(naming: ["latents_std", "positive"], configuration: { $0["latents_std"] = [1, 1, 0, 1] })
        try expectRefusal(naming: ["scaling_factor"], configuration: { $0["scaling_factor"] = -1 })
    }

    @Test func valuesOfAnotherType() throws {
        try expectRefusal(
            naming: ["config.json", "latent_channels"], configuration: { $0["latent_channels"] = "four" })
    }

    @Test func missingTensor() throws {
        try expectRefusal(
            naming: ["decoder.mid_block.attentions.0.to_q.bias"],
            file: { try writeCopy(of: $0, to: $1, without: ["decoder.mid_block.attentions.0.to_q.bias"]) })
    }

    @Test func weightsThatAreNotFinite() throws {
        try expectRefusal(
            naming: ["encoder.conv_in.bias", "finite"],
            file: { file, path in
                try writeCopy(of: file, to: path) { name, values in
                    if name == "encoder.conv_in.bias" { values[0] = .nan }
                }
            })
    }

    @Test func placesWithoutAnAutoencoder() throws {
        for (path, needed) in [
            ("/nowhere/vae", "no autoencoder"), (Fixtures.directory, "diffusion_pytorch_model"),
            (Fixtures.path("pixnerd/tiny-checkpoint.safetensors"), "is not an AutoencoderKL"),
        ] {
            #expect(!AutoencoderCheckpoint.isAutoencoder(path: path))
            do {
                _ = try AutoencoderCheckpoint(path: path)
                Issue.record("nothing was thrown for \(path)")
            } catch {
                expectSentence("\(error)", naming: [needed])
            }
        }
        #expect(AutoencoderCheckpoint.isAutoencoder(path: try Fixtures.autoencoder("sdxl").path))
        #expect(AutoencoderCheckpoint.isAutoencoder(path: try Fixtures.autoencoder("single-file").path))
    }
}
