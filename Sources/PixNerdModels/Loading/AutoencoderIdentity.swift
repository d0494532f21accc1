import Foundation
import PixNerdDiffusion

/// Which autoencoder's latents, and how scaled, a denoiser is trained in.
public struct AutoencoderIdentity: Codable, Sendable, Equatable {
    /// Of its weights, wherever they lie.
    public let fingerprint: String
    /// What a person calls it: the published kind, or the path that it was read from.
    public let name: String
    public let path: String
    public let scale: LatentScale
    public let latentChannels: Int
    /// How many pixels along a side become one latent: f.
    public let reduction: Int

    package enum CodingKeys: String, CodingKey {
        case fingerprint, name, path, scale, reduction
        case latentChannels = "latent_channels"
    }

    package init(_ checkpoint: AutoencoderCheckpoint, _ model: Autoencoder, scale: LatentScale) {
        fingerprint = model.fingerprint
        name = checkpoint.knownName ?? checkpoint.path
        path = checkpoint.path
        self.scale = scale
        latentChannels = model.latentChannels
        reduction = model.reduction
    }

    /// Whether latents of one are latents of the other, wherever the files lie.
    package func isSame(as other: AutoencoderIdentity) -> Bool {
        fingerprint == other.fingerprint && scale == other.scale
    }

    /// Weights and scale, for a person.
    public var text: String { "\(name) (weights \(fingerprint.prefix(8)), \(scale.summary))" }

    /// As the metadata of a checkpoint holds it.
    package var json: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Texts and numbers that are finite cannot fail.
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    package init?(json: String) {
        guard let identity = try? JSONDecoder().decode(AutoencoderIdentity.self, from: Data(json.utf8)) else {
            return nil
        }
        self = identity
    }
}
