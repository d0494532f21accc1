import PixNerdSupport

/// The two families of PixArt, which take different autoencoders.
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
}
