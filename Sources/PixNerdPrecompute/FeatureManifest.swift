import PixNerdCheckpoints

/// Contents of `features.json`, which describes a directory of features.
package struct FeatureManifest: ShardManifest {
    package static let subject = "features"

    /// Fingerprint of the encoder's weights.
    package var encoder: String
    /// Name of the encoder, such as "ViT-B/14".
    package var encoderName: String
    /// Width of the features.
    package var width: Int
    /// Number of rows, and of columns, in the grid of features.
    package var grid: Int
    /// Side in pixels of the centre crop.
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
    package var hasSoundSizes: Bool {
        ShardLimit.widths.contains(width) && ShardLimit.sides.contains(grid) && ShardLimit.sides.contains(imageSize)
    }
    package var type: ElementType { .float16 }
    package var weights: String { encoder }
}
