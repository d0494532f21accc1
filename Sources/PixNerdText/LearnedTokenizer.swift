import PixNerdSupport

/// A tokenizer that ``TokenizerTraining`` has learned.
public struct LearnedTokenizer: Sendable {
    /// Spellings by id, without the added tokens.
    let tokens: [String]
    let merges: [(left: Int, right: Int)]
    let added: [String]

    /// The number of tokens, added ones included.
    public var count: Int { tokens.count + added.count }

    /// Writes `tokenizer.json` and `tokenizer_config.json`, as Qwen3's are published, into an existing folder. Files of
    /// these names are replaced.
    ///
    /// - Parameter folder: the directory of the text encoder.
    /// - Throws: `PixNerdError` naming the file that cannot be written.
    public func write(to folder: String) throws {
        try AtomicFile.write(Array(try file.utf8), to: "\(folder)/tokenizer.json")
        try AtomicFile.write(Array(try configuration.utf8), to: "\(folder)/tokenizer_config.json")
    }

    /// The text of `tokenizer.json`.
    private var file: String {
        get throws {
            let entries = try added.enumerated().map { place, content in
                """
                    {
                      "id": \(tokens.count + place),
                      "content": \(try JSON.text(content)),
                      "single_word": false,
                      "lstrip": false,
                      "rstrip": false,
                      "normalized": false,
                      "special": true
                    }
                """
            }
            let vocabulary = try tokens.enumerated().map { "      \(try JSON.text($1)): \($0)" }
            let pairs = try merges.map {
                "      [\n        \(try JSON.text(tokens[$0.left])),\n        \(try JSON.text(tokens[$0.right]))\n      ]"
            }
            return """
                {
                  "version": "1.0",
                  "truncation": null,
                  "padding": null,
                  "added_tokens": [
                \(entries.joined(separator: ",\n"))
                  ],
                  "normalizer": {
                    "type": "NFC"
                  },
                  "pre_tokenizer": {
                    "type": "Sequence",
                    "pretokenizers": [
                      {
                        "type": "Split",
                        "pattern": {
                          "Regex": \(try JSON.text(Pieces.pattern))
                        },
                        "behavior": "Isolated",
                        "invert": false
                      },
                      {
                        "type": "ByteLevel",
                        "add_prefix_space": false,
                        "trim_offsets": false,
                        "use_regex": false
                      }
                    ]
                  },
                  "post_processor": {
                    "type": "ByteLevel",
                    "add_prefix_space": false,
                    "trim_offsets": false,
                    "use_regex": false
                  },
                  "decoder": {
                    "type": "ByteLevel",
                    "add_prefix_space": false,
                    "trim_offsets": false,
                    "use_regex": false
                  },
                  "model": {
                    "type": "BPE",
                    "dropout": null,
                    "unk_token": null,
                    "continuing_subword_prefix": "",
                    "end_of_word_suffix": "",
                    "fuse_unk": false,
                    "byte_fallback": false,
                    "ignore_merges": false,
                    "vocab": {
                \(vocabulary.joined(separator: ",\n"))
                    },
                    "merges": [
                \(pairs.joined(separator: ",\n"))
                    ]
                  }
                }

                """
        }
    }

    /// The text of `tokenizer_config.json`.
    private var configuration: String {
        get throws {
            let entries = added.enumerated().map { place, content in
                (String(tokens.count + place), Configuration.Added(content: content))
            }
            return try JSON.text(
                Configuration(
                    addedTokensDecoder: Dictionary(uniqueKeysWithValues: entries), additionalSpecialTokens: added,
                    eosToken: added[0], padToken: added[0]), isPretty: true) + "\n"
        }
    }
}

/// A `tokenizer_config.json` with the keys of Qwen3's.
private struct Configuration: Encodable {
    struct Added: Encodable {
        let content: String
        let lstrip = false
        let normalized = false
        let rstrip = false
        let singleWord = false
        let special = true

        private enum CodingKeys: String, CodingKey {
            case content, lstrip, normalized, rstrip, special
            case singleWord = "single_word"
        }
    }

    let addedTokensDecoder: [String: Added]
    let additionalSpecialTokens: [String]
    let eosToken: String
    let padToken: String

    private enum CodingKeys: String, CodingKey {
        case addedTokensDecoder = "added_tokens_decoder"
        case additionalSpecialTokens = "additional_special_tokens"
        case eosToken = "eos_token"
        case padToken = "pad_token"
        case addsSpace = "add_prefix_space"
        case addsStart = "add_bos_token"
        case start = "bos_token"
        case cleansUp = "clean_up_tokenization_spaces"
        case errors
        case longest = "model_max_length"
        case kind = "tokenizer_class"
        case unknown = "unk_token"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(addedTokensDecoder, forKey: .addedTokensDecoder)
        try container.encode(additionalSpecialTokens, forKey: .additionalSpecialTokens)
        try container.encode(eosToken, forKey: .eosToken)
        try container.encode(padToken, forKey: .padToken)
        for key in [CodingKeys.addsSpace, .addsStart, .cleansUp] { try container.encode(false, forKey: key) }
        for key in [CodingKeys.start, .unknown] { try container.encodeNil(forKey: key) }
        try container.encode("replace", forKey: .errors)
        try container.encode(131_072, forKey: .longest)
        try container.encode("Qwen2Tokenizer", forKey: .kind)
    }
}
