import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// A comparison of a whole pipeline of PixArt, from a prompt to an image, with a PyTorch reference.
///
/// The file holds `noise` and `latents` [B, C, h, w], and `picture` [B, 3, H, W] in [0, 1], clipped. Its metadata, or the entry
/// `pipeline` of an `about.json` beside it, gives `prompt`, and if they are not the usual ones `negative`, `steps`,
/// `guidance` and `clean_caption`.
public struct PipelineCheck {
    private let checkpoint: DenoiserCheckpoint
    private let reference: SafetensorsFile
    private let tolerance: Double

    public init(checkpoint: DenoiserCheckpoint, reference: SafetensorsFile, tolerance: Double) {
        (self.checkpoint, self.reference, self.tolerance) = (checkpoint, reference, tolerance)
    }

    /// Whether a file is a reference for a pipeline.
    public static func isReference(_ file: SafetensorsFile) -> Bool {
        Set(file.names).isSuperset(of: ["noise", "latents", "picture"])
    }

    /// What a reference was made with.
    private struct Settings: Decodable {
        var prompt: String
        var negative: String?
        var steps: Int?
        var guidance: Float?
        var cleans: Bool?

        enum CodingKeys: String, CodingKey {
            case prompt, negative, steps, guidance
            case cleans = "clean_caption"
        }

        init(_ file: SafetensorsFile) throws {
            struct About: Decodable { var pipeline: Settings }
            if let prompt = file.metadata["prompt"] {
                self.prompt = prompt
                (negative, steps) = (file.metadata["negative"], file.metadata["steps"].flatMap { Int($0) })
                (guidance, cleans) = (
                    file.metadata["guidance"].flatMap { Float($0) }, file.metadata["clean_caption"].map { $0 == "true" }
                )
                return
            }
            let about = (file.path as NSString).deletingLastPathComponent + "/about.json"
            let text = (try? String(contentsOfFile: about, encoding: .utf8)) ?? ""
            guard let found = JSON.value(About.self, from: text) else {
                throw PixNerdError(
                    .notFound, "\(file.path)", found: "does not say its prompt, and there is no about.json beside it",
                    expected: "the metadata prompt, or an about.json with an entry pipeline")
            }
            self = found.pipeline
        }
    }

    /// Compares latents and image.
    ///
    /// - Throws: `PixNerdError` if a part of the pipeline cannot be read, or the reference does not fit it.
    public func comparisons() throws -> [Comparison] {
        let asked = try Settings(reference)
        guard let directory = checkpoint.pipelineTextEncoder else {
            throw PixNerdError(
                .mismatch, "\(checkpoint.path)", found: "is not the directory of a pipeline with a text encoder",
                expected: "model_index.json with transformer, text_encoder, tokenizer and vae")
        }
        let loaded = try checkpoint.load(checkpoint.preferred(nil), autoencoder: nil) { _ in
            TextEncoderUse(
                try TextEncoder(path: directory), negativePrompt: asked.negative ?? "",
                cleaning: asked.cleans ?? true ? .published : .plain)
        }
        guard let autoencoder = loaded.autoencoder else {
            throw PixNerdError(.notFound, "\(checkpoint.path)", found: "holds no autoencoder", expected: "a folder vae")
        }
        let (noise, latents) = (try reference.tensor("noise"), try reference.tensor("latents"))
        let multiple = loaded.network.sizeMultiple
        guard noise.shape.count == 4, noise.shape[1] == loaded.network.channels, noise.shape == latents.shape,
            noise.shape[2] % multiple.height == 0, noise.shape[3] % multiple.width == 0
        else {
            throw PixNerdError(
                .mismatch, "\(reference.path):",
                found: "noise has the shape \(noise.shape) and latents \(latents.shape)",
                expected: "[B, \(loaded.network.channels), h, w] with sides that are multiples of \(multiple.text)")
        }
        var settings = loaded.architecture.publishedSampling
        settings.steps = min(999, max(1, asked.steps ?? settings.steps))
        if let guidance = asked.guidance { settings.guidance = Guidance(scale: guidance, lowerTime: 0) }
        let prompts = [Prompt](repeating: .text(asked.prompt), count: noise.shape[0])
        let sampled = try sample(
            loaded.model, noise: noise, condition: loaded.conditioner.condition(prompts), settings: settings)
        let picture = autoencoder.space.decode(sampled).values.map { min(1, max(0, ($0 + 1) / 2)) }
        let runTolerance = ReferenceCheck.runFactor * tolerance
        return try [
            Comparison("latents", sampled.values, latents.values, tolerance: runTolerance),
            Comparison("picture", picture, reference.tensor("picture").values, tolerance: runTolerance),
        ]
    }
}
