import Foundation
import PixNerdSupport

extension AutoencoderCheckpoint {
    /// The `config.json` that diffusers expects next to the weights.
    ///
    /// - Parameter sampleSize: side of the training images in pixels.
    public static func configuration(
        _ architecture: AutoencoderArchitecture, scale: LatentScale, sampleSize: Int
    ) throws -> Data {
        try JSON.encoder(isPretty: true).encode(
            Written(architecture: architecture, scale: scale, sampleSize: sampleSize))
    }

    /// Architecture and scale in one object, with the other keys that diffusers needs.
    private struct Written: Encodable {
        let architecture: AutoencoderArchitecture
        let scale: LatentScale
        let sampleSize: Int

        enum CodingKeys: String, CodingKey {
            case className = "_class_name"
            case activation = "act_fn"
            case downBlocks = "down_block_types"
            case upBlocks = "up_block_types"
            case outChannels = "out_channels"
            case sampleSize = "sample_size"
            case forceUpcast = "force_upcast"
        }

        func encode(to encoder: any Encoder) throws {
            try architecture.encode(to: encoder)
            try scale.encode(to: encoder)
            var values = encoder.container(keyedBy: CodingKeys.self)
            let levels = architecture.levelWidths.count
            try values.encode("AutoencoderKL", forKey: .className)
            try values.encode("silu", forKey: .activation)
            try values.encode([String](repeating: "DownEncoderBlock2D", count: levels), forKey: .downBlocks)
            try values.encode([String](repeating: "UpDecoderBlock2D", count: levels), forKey: .upBlocks)
            try values.encode(architecture.channels, forKey: .outChannels)
            try values.encode(sampleSize, forKey: .sampleSize)
            try values.encode(false, forKey: .forceUpcast)
        }
    }
}
