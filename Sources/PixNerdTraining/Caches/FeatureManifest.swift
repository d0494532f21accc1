import PixNerdCheckpoints

/// What a directory of features is of; `features.json` in it.
struct FeatureManifest: ShardManifest {
    static let subject = "features"

    /// The fingerprint of the encoder's weights.
    var encoder: String
    /// Such as "ViT-B/14".
    var encoderName: String
    /// The width of the features.
    var width: Int
    /// Rows, and columns, of the grid of features.
    var grid: Int
    /// The side of the pictures' middle squares in pixels.
    var imageSize: Int
    var basePatch: Int
    var fastDecode: Bool
    var pictures: Int
    var names: String
    var picturesPerShard: Int

    enum CodingKeys: String, CodingKey {
        case encoder, width, grid, pictures, names
        case encoderName = "encoder_name"
        case imageSize = "image_size"
        case basePatch = "base_patch"
        case fastDecode = "fast_decode"
        case picturesPerShard = "pictures_per_shard"
    }

    var columns: [ShardColumn] { [ShardColumn(name: "features", fingerprints: "pixels", shape: [grid * grid, width])] }
    var type: ElementType { .float16 }
    var weights: String { encoder }
}
