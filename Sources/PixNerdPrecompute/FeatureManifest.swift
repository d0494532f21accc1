import PixNerdCheckpoints

/// What a directory of features is of; `features.json` in it.
package struct FeatureManifest: ShardManifest {
    package static let subject = "features"

    /// The fingerprint of the encoder's weights.
    package var encoder: String
    /// Such as "ViT-B/14".
    package var encoderName: String
    /// The width of the features.
    package var width: Int
    /// Rows, and columns, of the grid of features.
    package var grid: Int
    /// The side of the pictures' middle squares in pixels.
    package var imageSize: Int
    package var basePatch: Int
    package var fastDecode: Bool
    package var pictures: Int
    package var names: String
    package var picturesPerShard: Int

    package enum CodingKeys: String, CodingKey {
        case encoder, width, grid, pictures, names
        case encoderName = "encoder_name"
        case imageSize = "image_size"
        case basePatch = "base_patch"
        case fastDecode = "fast_decode"
        case picturesPerShard = "pictures_per_shard"
    }

    package var columns: [ShardColumn] {
        [ShardColumn(name: "features", fingerprints: "pixels", shape: [grid * grid, width])]
    }
    package var type: ElementType { .float16 }
    package var weights: String { encoder }
}
