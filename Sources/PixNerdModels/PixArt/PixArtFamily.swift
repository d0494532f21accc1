import Foundation
import PixNerdSupport
import PixNerdTensors

/// The two families of PixArt, which take different autoencoders of the same shape.
public enum PixArtFamily: String, Sendable {
    /// Alpha and its one-step student take Stable Diffusion's autoencoder.
    case alpha
    /// Sigma takes SDXL's.
    case sigma

    /// The family that the `model_index.json` beside a model names; nil if there is none or it names another pipeline.
    init?(metadata: [String: String]) {
        struct Index: Decodable {
            var pipeline: String
            enum CodingKeys: String, CodingKey { case pipeline = "_class_name" }
        }
        guard let text = metadata[DenoiserCheckpoint.pipelineKey], let index = JSON.value(Index.self, from: text) else {
            return nil
        }
        switch index.pipeline {
        case "PixArtAlphaPipeline": self = .alpha
        case "PixArtSigmaPipeline": self = .sigma
        default: return nil
        }
    }

    /// The family whose models have a number of rows for no text; nil if none has.
    init?(emptyRows: Int) {
        switch emptyRows {
        case PixArtFamily.alpha.textLength: self = .alpha
        case PixArtFamily.sigma.textLength: self = .sigma
        default: return nil
        }
    }

    /// Most tokens of a text.
    public var textLength: Int { self == .alpha ? 120 : 300 }

    /// Name in messages.
    public var name: String { self == .alpha ? "PixArt-alpha" : "PixArt-Sigma" }

    /// The autoencoder that models of the family were trained on.
    public var autoencoder: KnownAutoencoder { KnownAutoencoder.all[self == .alpha ? 0 : 1] }

    /// Where that autoencoder is published.
    public var autoencoderSource: String {
        self == .alpha
            ? "sd-vae-ft-ema, or the vae directory of its pipeline" : "the vae directory of SDXL or of its pipeline"
    }
}

extension DenoiserCheckpoint {
    /// The family of a PixArt; nil for other models, and for a PixArt whose files do not say it.
    public var pixArtFamily: PixArtFamily? {
        guard let source = try? tensors(.raw), PixArtArchitecture.recognizes(source) else { return nil }
        if let named = PixArtFamily(metadata: metadata) { return named }
        if let rows = PixArtNames(source).shape(of: "y_embedder.y_embedding")?.first {
            return PixArtFamily(emptyRows: rows)
        }
        let recorded = metadata["architecture"].flatMap { JSON.value(PixArtArchitecture.self, from: $0) }
        return recorded.flatMap { PixArtFamily(emptyRows: $0.textLength) }
    }

    /// The autoencoder in the pipeline that the model is part of; nil if it is part of none.
    public var pipelineAutoencoder: String? { pipeline(holding: "vae").map { "\($0)/vae" } }

    /// The pipeline that the model is part of, which holds its text encoder, too; nil if it is part of none.
    public var pipelineTextEncoder: String? { pipeline(holding: "text_encoder") }

    private func pipeline(holding part: String) -> String? {
        guard metadata[Self.pipelineKey] != nil else { return nil }
        let model = (files.first?.path ?? path) as NSString
        let pipeline = (model.deletingLastPathComponent as NSString).deletingLastPathComponent
        return FileManager.default.fileExists(atPath: "\(pipeline)/\(part)") ? pipeline : nil
    }
}
