import PixNerdCheckpoints
import PixNerdModels

/// Contents of `text.json`, which describes a directory of encoded captions.
package struct TextManifest: ShardManifest {
    package static let subject = "text"
    package static let items = "captions"
    /// The name of the numbers of rows that captions have, in shards of captions with fewer than `length`.
    static let counts = "counts"

    /// The encoder with its tokenizer.
    package var encoder: TextEncoderIdentity
    /// Number of rows of a caption, with padding.
    package var length: Int
    /// What the rows of the empty caption attend to.
    package var emptyPrompt: EmptyPrompt
    /// Number of different captions, of which the first is the empty one.
    package var pictures: Int
    /// Fingerprint of the captions, in order.
    package var names: String
    package var picturesPerShard: Int

    package enum CodingKeys: String, CodingKey {
        case encoder, length
        case emptyPrompt = "empty_prompt"
        case pictures = "captions"
        case names = "captions_hash"
        case picturesPerShard = "captions_per_shard"
    }

    package var columns: [ShardColumn] {
        [ShardColumn(name: "rows", fingerprints: "keys", shape: [length, encoder.width])]
    }
    package var hasSoundSizes: Bool {
        ShardLimit.widths.contains(encoder.width) && ShardLimit.sides.contains(length)
    }
    package var type: ElementType { .bfloat16 }
    package var weights: String { encoder.weights }
}
