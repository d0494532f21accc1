import Foundation
import PixNerdSupport
import PixNerdTensors

/// The `config.json` of a video autoencoder, as far as it matters.
struct VideoConfiguration: Codable {
    /// The kind of the model; those of Open-Sora 1.2 are `VideoAutoencoderPipeline`.
    var kind: String?
    /// The class of a model of diffusers.
    var className: String?
    var piece: Int?
    var shift: [Float]?
    var scale: [Float]?
    /// The factor that image latents were multiplied by in training; nil in published files.
    var spatialFactor: Float?
    var temporal: Temporal?

    struct Temporal: Codable {
        var type: String?
        var filters: Int?
        var blocksPerLevel: Int?
        var groups: Int?
        var multipliers: [Int]?
        var halvesTime: [Bool]?

        enum CodingKeys: String, CodingKey {
            case type, filters
            case blocksPerLevel = "num_res_blocks"
            case groups = "num_groups"
            case multipliers = "channel_multipliers"
            case halvesTime = "temporal_downsample"
        }
    }

    enum CodingKeys: String, CodingKey {
        case shift, scale
        case kind = "model_type"
        case className = "_class_name"
        case piece = "micro_frame_size"
        case spatialFactor = "spatial_factor"
        case temporal = "vae_temporal"
    }

    static let kind = "VideoAutoencoderPipeline"

    var groups: Int? { temporal?.groups }

    /// Whether this is the configuration of any video autoencoder.
    var isOfVideo: Bool { kind == Self.kind || otherVersion != nil }

    /// The name of another video autoencoder that this is the configuration of; nil if it is Open-Sora 1.2's, or none.
    var otherVersion: String? {
        if let kind, kind.hasPrefix("OpenSoraVAE_V1_3") { return "the video autoencoder of Open-Sora 1.3 (\(kind))" }
        let causal = ["AutoencoderKLCausal3D", "AutoencoderKLHunyuanVideo"]
        if let name = className ?? kind, causal.contains(name) {
            return "the video autoencoder of Open-Sora 2.0 and HunyuanVideo (\(name))"
        }
        if let type = temporal?.type, !["VAE_Temporal", "VAE_Temporal_SD"].contains(type) {
            return "a video autoencoder of another kind (\(type))"
        }
        return nil
    }
}

extension VideoAutoencoderCheckpoint {
    static func configuration(_ directory: String) throws -> VideoConfiguration? {
        let path = "\(directory)/config.json"
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        do {
            return try JSONDecoder().decode(VideoConfiguration.self, from: configurationText(path))
        } catch is DecodingError {
            throw PixNerdError(
                .malformed, "\(path)", found: "is not the configuration of a video autoencoder",
                expected: "the config.json of Open-Sora 1.2")
        }
    }

    /// The name of another video autoencoder that tensors belong to; nil if there is none.
    static func otherVersion(_ names: [String]) -> String? {
        guard !names.contains(where: { $0.hasPrefix(temporalPrefix) }) else { return nil }
        // Its 3-D convolutions are one level below those of AutoencoderKL.
        if names.contains(where: { $0.hasSuffix("encoder.conv_in.conv.weight") }) {
            return "a causal 3-D autoencoder, as those of Open-Sora 1.3, Open-Sora 2.0 and HunyuanVideo are"
        }
        return nil
    }

    static func refusal(_ version: String, _ path: String) -> PixNerdError {
        PixNerdError(
            .unsupported, "\(path)", found: "is \(version)", expected: "that of Open-Sora 1.2 (OpenSora-VAE-v1.2)")
    }
}
