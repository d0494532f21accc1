import PixNerdCheckpoints

/// What a directory of latents is of; `latents.json` in it.
package struct LatentManifest: ShardManifest {
    package static let subject = "latents"

    /// The fingerprint of the autoencoder's weights.
    package var autoencoder: String
    /// What a person calls it.
    package var autoencoderName: String
    package var latentChannels: Int
    /// How many pixels along a side become one latent.
    package var reduction: Int
    /// The side of the pictures' middle squares in pixels.
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

    /// Mean and log-variance, without a scale, of each picture as it is and mirrored.
    package var columns: [ShardColumn] {
        let shape = [2 * latentChannels, imageSize / reduction, imageSize / reduction]
        return [
            ShardColumn(name: "moments", fingerprints: "pixels", shape: shape),
            ShardColumn(name: "moments_mirrored", fingerprints: "pixels_mirrored", shape: shape),
        ]
    }
    package var type: ElementType { ElementType(rawValue: elementType) ?? .float32 }
    package var weights: String { autoencoder }
}
