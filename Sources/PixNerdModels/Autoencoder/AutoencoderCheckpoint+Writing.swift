import Foundation
import PixNerdSupport

extension AutoencoderCheckpoint {
    /// The `config.json` that diffusers expects next to the weights.
    ///
    /// - Parameters:
    ///   - sampleSize: side of the training images in pixels.
    ///   - pixels: the format of the images, if they are not 8-bit colours.
    public static func configuration(
        _ architecture: AutoencoderArchitecture, scale: LatentScale, sampleSize: Int,
        pixels: (any Encodable & Sendable)? = nil
    ) throws -> Data {
        try JSON.encoder(isPretty: true).encode(
            Written(architecture: architecture, scale: scale, sampleSize: sampleSize, pixels: pixels))
    }

    /// Architecture and scale in one object, with the other keys that diffusers needs.
    private struct Written: Encodable {
        let architecture: AutoencoderArchitecture
        let scale: LatentScale
        let sampleSize: Int
        let pixels: (any Encodable & Sendable)?

        enum CodingKeys: String, CodingKey {
            case className = "_class_name"
            case activation = "act_fn"
            case downBlocks = "down_block_types"
            case upBlocks = "up_block_types"
            case outChannels = "out_channels"
            case sampleSize = "sample_size"
            case forceUpcast = "force_upcast"
            case pixels = "pixel_format"
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
            if let pixels { try pixels.encode(to: values.superEncoder(forKey: .pixels)) }
        }
    }
}
