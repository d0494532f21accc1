import PixNerdCheckpoints

/// Contents of `latents.json`, which describes a directory of latents.
package struct LatentManifest: ShardManifest {
    package static let subject = "latents"

    /// Fingerprint of the autoencoder's weights.
    package var autoencoder: String
    /// Name of the autoencoder, to display.
    package var autoencoderName: String
    package var latentChannels: Int
    /// Downsampling factor: pixels per latent along each side.
    package var reduction: Int
    /// Side in pixels of the centre crop.
    package var imageSize: Int
    package var fastDecode: Bool
    package var elementType: String
    package var pictures: Int
    package var names: String
    package var picturesPerShard: Int

    package enum CodingKeys: String, CodingKey {
        case autoencoder, reduction, pictures, names
        case autoencoderName = "autoencoder_name"
        case latentChannels = "latent_channels"
        case imageSize = "image_size"
        case fastDecode = "fast_decode"
        case elementType = "dtype"
        case picturesPerShard = "pictures_per_shard"
    }

    /// Mean and log-variance, unscaled, of each image and of its mirror image.
    package var columns: [ShardColumn] {
        let shape = [2 * latentChannels, imageSize / reduction, imageSize / reduction]
        return [
            ShardColumn(name: "moments", fingerprints: "pixels", shape: shape),
            ShardColumn(name: "moments_mirrored", fingerprints: "pixels_mirrored", shape: shape),
        ]
    }
    package var hasSoundSizes: Bool {
        ShardLimit.widths.contains(latentChannels) && ShardLimit.sides.contains(imageSize)
            && ShardLimit.sides.contains(reduction)
    }
    package var type: ElementType { ElementType(rawValue: elementType) ?? .float32 }
    package var weights: String { autoencoder }
}
