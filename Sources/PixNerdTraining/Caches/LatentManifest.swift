import PixNerdCheckpoints

/// What a directory of latents is of; `latents.json` in it.
struct LatentManifest: ShardManifest {
    static let subject = "latents"

    /// The fingerprint of the autoencoder's weights.
    var autoencoder: String
    /// What a person calls it.
    var autoencoderName: String
    var latentChannels: Int
    /// How many pixels along a side become one latent.
    var reduction: Int
    /// The side of the pictures' middle squares in pixels.
    var imageSize: Int
    var fastDecode: Bool
    var elementType: String
    var pictures: Int
    var names: String
    var picturesPerShard: Int

    enum CodingKeys: String, CodingKey {
        case autoencoder, reduction, pictures, names
        case autoencoderName = "autoencoder_name"
        case latentChannels = "latent_channels"
        case imageSize = "image_size"
        case fastDecode = "fast_decode"
        case elementType = "dtype"
        case picturesPerShard = "pictures_per_shard"
    }

    /// Mean and log-variance, without a scale, of each picture as it is and mirrored.
    var columns: [ShardColumn] {
        let shape = [2 * latentChannels, imageSize / reduction, imageSize / reduction]
        return [
            ShardColumn(name: "moments", fingerprints: "pixels", shape: shape),
            ShardColumn(name: "moments_mirrored", fingerprints: "pixels_mirrored", shape: shape),
        ]
    }
    var type: ElementType { ElementType(rawValue: elementType) ?? .float32 }
    var weights: String { autoencoder }
}
