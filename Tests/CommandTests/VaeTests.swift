import Foundation
import PixNerdCheckpoints
import PixNerdModels
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// `pixnerd vae`.
@Suite struct VaeTests {
    private func json(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    /// Writes a weights file without config.json, whose latents are far from mean 0 and standard deviation 1.
    private func writeAutoencoder(to path: String) throws {
        let model = Autoencoder(try AutoencoderArchitecture(levelWidths: [32, 32], blocksPerLevel: 1), seed: 4)
        try SafetensorsWriter.write(
            model.parameters.map { parameter in
                let values = parameter.value.values.map { $0 * (parameter.name == "quant_conv.weight" ? 20 : 1) }
                return (parameter.name, Tensor(values, shape: parameter.value.shape))
            }, to: path)
    }

    @Test func theScaleIsChecked() throws {
        try Workplace.with { place in
            try place.succeed("dataset", "shapes", "--out", "shapes", "--per-class", "2", "--size", "16")
            let options = ["shapes", "--size", "16", "--count", "6", "--threads", "1"]
            try copyAutoencoder(
                from: Fixtures.autoencoder("sd").path, to: place.path("plain"), changing: ["scaling_factor": 4])
            let plain = try place.run(["vae", "check", "plain"] + options + ["--json"])
            #expect(plain.isExit && plain.status == 1 && plain.errors.contains("6/6"))
            let found = try json(plain.output)
            #expect(found["near"] as? Bool == false && found["pictures"] as? Int == 6)
            let channels = try #require(found["channels"] as? [[String: Double]])
            #expect(channels.count == 4)
            try copyAutoencoder(
                from: place.path("plain"), to: place.path("mended"),
                changing: [
                    "latents_mean": channels.map { ($0["mean"] ?? 0) / 4 },
                    "latents_std": channels.map { $0["deviation"] ?? 1 },
                ])
            let text = try place.succeed(["vae", "check", "mended"] + options).output
            for part in ["channel 3", "total", "6 of shapes, at 16 x 16", "factor 4.0, channel means", "near 0 and 1."]
            {
                #expect(text.contains(part), "\(part) in \(text)")
            }
            // The published factor with other weights: the message names its origin.
            let published = try place.run(["vae", "check", Fixtures.autoencoder("sd").path] + options)
            #expect(published.isExit && published.status == 1)
            #expect(published.output.contains("0.18215 is the factor of Stable Diffusion 1"))
        }
    }

    @Test func withoutAConfigurationTheFactorIsTold() throws {
        try Workplace.with { place in
            try place.succeed("dataset", "shapes", "--out", "shapes", "--per-class", "1", "--size", "16")
            // The number of groups must be the default, since tensors do not reveal it.
            try writeAutoencoder(to: place.path("vae.safetensors"))
            let outcome = try place.run("vae", "check", "vae.safetensors", "shapes/circle", "--size", "16")
            #expect(outcome.isExit && outcome.output.contains("measured with factor 1"), "\(outcome.errors)")
            #expect(outcome.status == 1 && outcome.output.contains("needed       scaling_factor "))
        }
    }

    @Test func whatCannotBeCheckedIsRefused() throws {
        try Workplace.with { place in
            try place.succeed("dataset", "shapes", "--out", "shapes", "--per-class", "1", "--size", "16")
            let sd = try Fixtures.autoencoder("sd").path
            try place.refuse("vae", "check", sd, "shapes", "--size", "30", naming: ["--size", "30", "32"])
            try place.refuse("vae", "check", sd, "shapes", "--count", "0", naming: ["--count", "at least 1"])
            try place.refuse("vae", "check", "nothing", "shapes", naming: ["nothing"])
            try place.refuse("vae", "check", sd, "nothing", "--size", "16", naming: ["nothing"])
        }
    }

    @Test func autoencodersAreCompared() throws {
        try Workplace.with { place in
            try place.succeed("dataset", "shapes", "--out", "shapes", "--per-class", "2", "--size", "16")
            let (sd, sdxl) = (try Fixtures.autoencoder("sd").path, try Fixtures.autoencoder("sdxl").path)
            let options = ["shapes", "--size", "16", "--count", "4"]
            let text = try place.succeed(["vae", "compare", sd, sdxl] + options + ["--out", "sheet.png"])
            for part in [
                "shapes: 4 images", "16 x 16", "PSNR, dB", "SSIM", "Power spectrum", "Bits per pixel",
                "Seconds to encode", "Peak memory, GB", "Parameters", "Multiply-adds to decode, G", "no rFID",
                "the means of their distributions", "1          \(sd)", "2          \(sdxl)",
            ] {
                #expect(text.output.contains(part), "\(part) in \(text.output)")
            }
            #expect(text.errors.contains("sheet.png") && text.errors.contains("12/12"))
            #expect(try place.bytes("sheet.png").starts(with: [0x89, 0x50, 0x4e, 0x47]))
            try writeInception(to: place.path("inception.safetensors"))
            let report = try json(
                place.succeed(
                    ["vae", "compare", sd] + options
                        + ["--features", "inception.safetensors", "--json", "--out", "sheet.png", "--overwrite"]
                ).output)
            let entry = try #require((report["autoencoders"] as? [[String: Any]])?.first)
            let measures = try #require(entry["measures"] as? [[String: Any]])
            #expect(
                measures.map { $0["name"] as? String ?? "" } == [
                    "psnr", "ssim", "spectrum", "rfid", "bits", "encoding_seconds", "decoding_seconds",
                    "peak_memory_gb",
                ])
            #expect((measures[3]["value"] as? Double ?? 0) > 0 && measures[3]["title"] as? String == "rFID")
            #expect((report["features"] as? [String: Any])?["weights"] as? String == "inception.safetensors")

            try place.refuse(
                ["vae", "compare", sd] + options + ["--out", "sheet.png"], naming: ["sheet.png", "--overwrite"])
            try place.refuse("vae", "compare", sd, "shapes", "--size", "18", naming: [sd, "18", "20"])
            try place.refuse("vae", "compare", "shapes", naming: ["At least one autoencoder"])
            try place.refuse("vae", "compare", sd, "nothing", naming: ["nothing"])
            try place.refuse(["vae", "compare", sd, "shapes"] + options, naming: ["shapes", "not an autoencoder"])
        }
    }
}
