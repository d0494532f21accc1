import Foundation
import PixNerdCheckpoints
import PixNerdModels
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Autoencoders written by diffusers, against the results of diffusers.
@Suite struct AutoencoderTests {
    /// `sd` has a safetensors file, `sdxl` the old names of attention in a .bin file, `sd3` sixteen channels, a shift
    /// and no quant convolutions; `single-file` has CompVis' names inside a pipeline's file, without a configuration.
    static let kinds = ["sd", "sdxl", "sd3"]

    private static func load(_ kind: String) throws -> (model: Autoencoder, reference: SafetensorsFile) {
        let (path, reference) = try Fixtures.autoencoder(kind)
        return (try AutoencoderCheckpoint(path: path).load(), reference)
    }

    @Test(arguments: kinds)
    func agreesWithDiffusers(kind: String) throws {
        let (model, reference) = try Self.load(kind)
        let posterior = model.encode(try reference.tensor("image"))
        expectClose(posterior.mean, try reference.tensor("mean"), .network, "mean")
        expectClose(posterior.logVariance, try reference.tensor("logvar"), .network, "logvar")
        let decoded = model.decode(try reference.tensor("latent"))
        expectClose(decoded, try reference.tensor("decoded"), .network, "decoded")
        #expect(decoded.shape == (try reference.tensor("image")).shape)
    }

    /// A file with CompVis' names; its groups, which tensors do not tell, come from the configuration beside it.
    @Test func singleFileOfCompVis() throws {
        let (path, reference) = try Fixtures.autoencoder("single-file")
        try withTemporaryDirectory { directory in
            try FileManager.default.copyItem(atPath: path, toPath: "\(directory)/model.safetensors")
            let configuration = Fixtures.path("autoencoder/single-file/configuration/config.json")
            try FileManager.default.copyItem(atPath: configuration, toPath: "\(directory)/config.json")
            let model = try AutoencoderCheckpoint(path: "\(directory)/model.safetensors").load()
            let posterior = model.encode(try reference.tensor("image"))
            expectClose(posterior.mean, try reference.tensor("mean"), .network, "mean")
            expectClose(posterior.logVariance, try reference.tensor("logvar"), .network, "logvar")
            expectClose(
                model.decode(try reference.tensor("latent")), try reference.tensor("decoded"), .network, "decoded")
        }
    }

    @Test(arguments: ["sd", "single-file"])
    func gradientsAgreeWithPyTorch(kind: String) throws {
        let reference = try Fixtures.autoencoder(kind).reference
        let directory =
            kind == "sd" ? Fixtures.path("autoencoder/sd") : Fixtures.path("autoencoder/single-file/configuration")
        let model =
            kind == "sd" ? try Self.load(kind).model : try Self.singleFile(configuration: directory)
        let reconstruction = try #require(
            reference.metadata["loss"].flatMap(AutoencoderLoss.Reconstruction.init(rawValue:)))
        let loss = AutoencoderLoss(
            reconstruction, divergenceWeight: try #require(reference.metadata["kl_weight"].flatMap { Float($0) }))
        let (image, noise) = (try reference.tensor("image"), try reference.tensor("train.noise"))
        let value = withGradient { loss(model, image, noise: noise).loss }
        expectClose(value, try reference.tensor("train.loss"), .network, "loss")
        for parameter in model.parameters {
            let expected = try reference.tensor("grad.\(parameter.name)")
            let gradient = try #require(parameter.gradient, "\(parameter.name) got no gradient")
            // The scores do not change where all keys move alike, so the true derivative is zero.
            if parameter.name.hasSuffix("to_k.bias") {
                #expect(gradient.values.allSatisfy { abs($0) < 1e-6 }, "\(parameter.name)")
            } else {
                expectClose(gradient, expected, .network, parameter.name)
            }
        }
    }

    private static func singleFile(configuration: String) throws -> Autoencoder {
        try withTemporaryDirectory { directory in
            try FileManager.default.copyItem(
                atPath: Fixtures.path("autoencoder/single-file/model.safetensors"),
                toPath: "\(directory)/model.safetensors")
            try FileManager.default.copyItem(
                atPath: "\(configuration)/config.json", toPath: "\(directory)/config.json")
            return try AutoencoderCheckpoint(path: "\(directory)/model.safetensors").load()
        }
    }

    @Test func scalesComeFromTheConfiguration() throws {
        func scale(_ kind: String) throws -> LatentScale? {
            try AutoencoderCheckpoint(path: Fixtures.autoencoder(kind).path).scale
        }
        #expect(try scale("sd") == LatentScale(factor: 0.18215))
        #expect(try scale("sdxl") == LatentScale(factor: 0.13025))
        #expect(try scale("sd3") == LatentScale(factor: 1.5305, shift: 0.0609))
        let channels = LatentScale(factor: 0.5, shift: 0, means: [1, -2], deviations: [4, 0.25])
        #expect(channels.affine(channel: 0) == (0.125, -0.125))
        #expect(channels.affine(channel: 1) == (2, 4))
        #expect(LatentScale(factor: 2, shift: 0.5).affine(channel: 3) == (2, -1))
    }

    @Test func countsParametersAndWork() throws {
        let architecture = try AutoencoderArchitecture(levelWidths: [128, 256, 512, 512])
        // Parameters and operations of Stable Diffusion's autoencoder as PyTorch counts them.
        #expect(2 * architecture.decodingMultiplyAdds(height: 256, width: 256) / 1_000_000_000 == 622)
        #expect(2 * architecture.encodingMultiplyAdds(height: 256, width: 256) / 1_000_000_000 == 272)
        #expect(Autoencoder(architecture, seed: 1).parameterCount == 83_653_863)
        #expect(architecture.reduction == 8)
    }

    @Test func namesPublishedKinds() throws {
        func name(_ latentChannels: Int, quant: Bool, _ scale: LatentScale?) throws -> String? {
            let architecture = try AutoencoderArchitecture(
                latentChannels: latentChannels, levelWidths: [128, 256, 512, 512], hasQuantConvolution: quant,
                hasPostQuantConvolution: quant)
            return KnownAutoencoder.name(of: architecture, scale: scale)
        }
        #expect(try name(4, quant: true, LatentScale(factor: 0.18215))?.hasPrefix("Stable Diffusion 1") == true)
        #expect(try name(4, quant: true, LatentScale(factor: 0.13025))?.hasPrefix("SDXL") == true)
        #expect(try name(16, quant: false, LatentScale(factor: 1.5305, shift: 0.0609)) == "Stable Diffusion 3")
        #expect(try name(16, quant: false, LatentScale(factor: 0.3611, shift: 0.1159)) == "FLUX.1")
        #expect(try name(4, quant: true, LatentScale(factor: 0.2)) == nil)
        #expect(try name(8, quant: true, nil) == nil)
        let unknown = try #require(try name(4, quant: true, nil))
        #expect(unknown.contains("SDXL") && unknown.contains("Stable Diffusion 1"))
    }

    @Test func fingerprintIsThatOfTheWeights() throws {
        let (path, _) = try Fixtures.autoencoder("sd")
        let checkpoint = try AutoencoderCheckpoint(path: path)
        let fingerprint = try checkpoint.load().fingerprint
        #expect(try checkpoint.load().fingerprint == fingerprint)
        try withTemporaryDirectory { directory in
            try FileManager.default.copyItem(atPath: "\(path)/config.json", toPath: "\(directory)/config.json")
            let file = try SafetensorsFile(path: "\(path)/diffusion_pytorch_model.safetensors")
            let copy = "\(directory)/diffusion_pytorch_model.safetensors"
            try writeCopy(of: file, to: copy) { name, values in
                if name == "decoder.conv_out.bias" { values[1] = values[1].nextUp }
            }
            #expect(try AutoencoderCheckpoint(path: directory).load().fingerprint != fingerprint)
        }
    }
}
