import Foundation
import PixNerdSupport

extension Qwen3Architecture {
    /// What a `config.json` says besides the sizes.
    private struct Configuration: Decodable {
        struct Rotary: Decodable {
            var ropeTheta: Double?
            var ropeType: String?
            /// The older name of `rope_type`.
            var type: String?

            var isPlain: Bool { (ropeType ?? type ?? "default") == "default" }
        }

        /// A value that is only looked for.
        struct Ignored: Decodable {}

        var modelType: String?
        var hiddenSize, intermediateSize, numHiddenLayers, numAttentionHeads: Int?
        var numKeyValueHeads, headDim, vocabSize: Int?
        var rmsNormEps, ropeTheta: Double?
        var ropeParameters: Rotary?
        var ropeScaling: Rotary?
        var attentionBias: Bool?
        var hiddenAct: String?
        var useSlidingWindow: Bool?
        var layerTypes: [String]?
        var quantizationConfig: Ignored?
    }

    /// Reads and checks a `config.json` of transformers.
    ///
    /// - Throws: `PixNerdError` if it is no configuration of a Qwen3, asks for something that is not supported, or has
    ///   impossible sizes.
    public init(configuration path: String) throws {
        let configuration: Configuration
        do {
            configuration = try JSON.decoder(snakeCase: true).decode(
                Configuration.self, from: try configurationText(path))
        } catch let error as DecodingError {
            throw PixNerdError(
                .malformed, "\(path)", found: "is not the configuration of a Qwen3: \(configurationProblem(error))")
        }
        guard let kind = configuration.modelType else {
            throw PixNerdError(
                .malformed, "\(path)", found: "lacks model_type", expected: "the configuration of a Qwen3")
        }
        guard kind == "qwen3" else {
            throw PixNerdError(
                .unsupported, "\(path)", found: "has the model_type '\(kind)'", expected: "qwen3",
                advice: "use a Qwen3, such as Qwen3-1.7B")
        }
        func refuse(_ found: ErrorText) -> PixNerdError {
            PixNerdError(
                .unsupported, "\(path)", found: "\(found), which is not supported",
                advice: "use a Qwen3 as it was published")
        }
        if configuration.attentionBias == true { throw refuse("has attention_bias") }
        if let activation = configuration.hiddenAct, activation != "silu" {
            throw refuse("has the hidden_act '\(activation)'")
        }
        if configuration.useSlidingWindow == true
            || configuration.layerTypes?.contains(where: { $0 != "full_attention" }) == true
        {
            throw refuse("uses a sliding window")
        }
        for (key, rotary) in [
            ("rope_scaling", configuration.ropeScaling), ("rope_parameters", configuration.ropeParameters),
        ] where rotary?.isPlain == false {
            throw refuse("has \(key) of the type '\(rotary?.ropeType ?? rotary?.type ?? "")'")
        }
        if configuration.quantizationConfig != nil { throw refuse("has quantized weights") }
        func value<Value>(_ key: CodingKeys, _ value: Value?) throws -> Value {
            guard let value else { throw PixNerdError(.malformed, "\(path)", found: "lacks \(key.rawValue)") }
            return value
        }
        let heads = try value(.heads, configuration.numAttentionHeads)
        do {
            try self.init(
                width: value(.width, configuration.hiddenSize),
                feedForwardWidth: value(.feedForwardWidth, configuration.intermediateSize),
                depth: value(.depth, configuration.numHiddenLayers), heads: heads,
                keyHeads: value(.keyHeads, configuration.numKeyValueHeads),
                headWidth: value(.headWidth, configuration.headDim),
                vocabulary: value(.vocabulary, configuration.vocabSize),
                epsilon: value(.epsilon, configuration.rmsNormEps),
                theta: value(.theta, configuration.ropeTheta ?? configuration.ropeParameters?.ropeTheta))
        } catch let error as PixNerdError where error.kind == .invalidValue {
            throw PixNerdError(
                .invalidValue, "\(path): \(error.subject ?? "")", found: error.found, expected: error.expected)
        }
    }

    /// The contents of a `config.json` with this architecture, as transformers reads and writes it.
    var configuration: Qwen3Configuration { Qwen3Configuration(self) }
}

/// A `config.json` as it is written.
struct Qwen3Configuration: Encodable {
    private let architecture: Qwen3Architecture

    private enum CodingKeys: String, CodingKey {
        case architectures, modelType, hiddenAct, attentionBias, tieWordEmbeddings, useSlidingWindow, torchDtype
        case maxPositionEmbeddings
    }

    init(_ architecture: Qwen3Architecture) { self.architecture = architecture }

    func encode(to encoder: any Encoder) throws {
        try architecture.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(["Qwen3ForCausalLM"], forKey: .architectures)
        try container.encode("qwen3", forKey: .modelType)
        try container.encode("silu", forKey: .hiddenAct)
        try container.encode(false, forKey: .attentionBias)
        try container.encode(true, forKey: .tieWordEmbeddings)
        try container.encode(false, forKey: .useSlidingWindow)
        try container.encode("bfloat16", forKey: .torchDtype)
        try container.encode(40960, forKey: .maxPositionEmbeddings)
    }
}
