import Foundation
import PixNerdCheckpoints
import PixNerdModels
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Small random T5s against transformers: an encoder alone and a whole model, in one file and in shards, padded texts and
/// one of 300 tokens.
@Suite struct T5Tests {
    private struct Reference {
        let ids: [[Int]]
        let counts: [Int]
        /// The rows of each text's own tokens.
        let rows: [[Float]]

        init(_ encoder: T5Fixtures.Encoder) throws {
            let file = try SafetensorsFile(path: encoder.path("states.safetensors"))
            let (ids, keep) = (try file.integers("ids"), try file.integers("keep"))
            let length = try #require(file.shape(of: "ids"))[1]
            let states = try file.tensor("states")
            let starts = stride(from: 0, to: ids.count, by: length)
            self.ids = starts.map { Array(ids[$0..<$0 + length]) }
            counts = starts.map { keep[$0..<$0 + length].reduce(0, +) }
            let width = states.shape[2]
            rows = zip(starts, counts).map { Array(states.values[$0 * width..<($0 + $1) * width]) }
        }
    }

    private static let fixtures = T5Fixtures.Encoder.allCases

    private func expectAgrees(
        _ directory: String, _ encoder: T5Fixtures.Encoder, keepsWeights: Bool, _ tolerance: Tolerance = .network,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let model = try TextEncoderDirectory(path: directory).load(keepsWeights: keepsWeights)
        #expect(model.keepsWeights == keepsWeights && !model.architecture.givesPadding)
        let reference = try Reference(encoder)
        // Twice, as pages were given back.
        for _ in 0...1 {
            let states = try model(reference.ids, counts: reference.counts, emptyPrompt: .seesNothing)
            let width = states.shape[2]
            for (text, rows) in reference.rows.enumerated() {
                let own = states.rows(text..<text + 1).reshaped([states.shape[1], width])
                let count = reference.counts[text]
                expectClose(
                    own.rows(0..<count), Tensor(rows, shape: [count, width]), tolerance, "text \(text)",
                    sourceLocation: sourceLocation)
                #expect(own.values[(count * width)...].allSatisfy { $0 == 0 }, sourceLocation: sourceLocation)
            }
        }
    }

    @Test(arguments: fixtures, [true, false]) func rowsAgree(encoder: T5Fixtures.Encoder, keepsWeights: Bool) throws {
        try withTemporaryDirectory { folder in
            try T5Fixtures.copyModel(encoder, to: "\(folder)/t5")
            try expectAgrees("\(folder)/t5", encoder, keepsWeights: keepsWeights)
        }
    }

    @Test(.whereBFloat16IsHad) func rowsAgreeInBFloat16() throws {
        try withTemporaryDirectory { folder in
            try T5Fixtures.copyModel(.plain, to: "\(folder)/t5")
            try Precision.bf16 {
                try expectAgrees(
                    "\(folder)/t5", .plain, keepsWeights: false,
                    Tolerance(relative: 3e-2, because: "three blocks in bf16, whose numbers have 8 bits"))
            }
        }
    }

    @Test func farDistancesAgree() throws {
        let file = try SafetensorsFile(path: T5Fixtures.Encoder.plain.path("states.safetensors"))
        let ids = try file.integers("long_ids")
        #expect(ids.count == 300)
        try withTemporaryDirectory { folder in
            try T5Fixtures.copyModel(.plain, to: "\(folder)/t5")
            let model = try TextEncoderDirectory(path: "\(folder)/t5").load(keepsWeights: false)
            let states = try model([ids], counts: [300], emptyPrompt: .seesNothing)
            expectClose(states, try file.tensor("long_states"), .network)
        }
    }

    @Test func shardsAndEitherNameOfTheTable() throws {
        try withTemporaryDirectory { folder in
            try T5Fixtures.copyModel(.plain, to: "\(folder)/whole")
            try FileManager.default.createDirectory(atPath: "\(folder)/shards", withIntermediateDirectories: true)
            try FileManager.default.copyItem(
                atPath: "\(folder)/whole/config.json", toPath: "\(folder)/shards/config.json")
            let file = try SafetensorsFile(path: "\(folder)/whole/model.safetensors")
            var map: [String: String] = [:]
            for shard in 0...1 {
                let name = "model-0000\(shard + 1)-of-00002.safetensors"
                let tensors = try file.names.enumerated().filter { $0.offset % 2 == shard }.map {
                    (
                        $0.element == "shared.weight" ? "encoder.embed_tokens.weight" : $0.element,
                        try file.tensor($0.element)
                    )
                }
                try SafetensorsWriter.write(tensors, to: "\(folder)/shards/\(name)")
                for (tensor, _) in tensors { map[tensor] = name }
            }
            try JSONSerialization.data(withJSONObject: ["weight_map": map])
                .write(to: URL(fileURLWithPath: "\(folder)/shards/model.safetensors.index.json"))
            try expectAgrees("\(folder)/shards", .plain, keepsWeights: false)
            let fingerprints = try ["whole", "shards"].map {
                try TextEncoderDirectory(path: "\(folder)/\($0)").fingerprint
            }
            #expect(fingerprints[0] == fingerprints[1])
        }
    }

    @Test func textsHaveTheRowsOfTheirTokens() throws {
        try withTemporaryDirectory { pipeline in
            try T5Fixtures.copyModel(.flan, to: "\(pipeline)/text_encoder")
            try T5Fixtures.writeTokenizer(.flan, "spiece.model", to: "\(pipeline)/tokenizer")
            let (reference, prompts) = (try Reference(.flan), try T5Fixtures.prompts(.flan))
            for path in [pipeline, "\(pipeline)/text_encoder"] {
                let encoder = try TextEncoder(path: path)
                #expect(encoder.identity.width == 24)
                let length = reference.ids[0].count
                let rows = try encoder.rows(
                    of: prompts.map(\.text), length: length, emptyPrompt: .seesNothing, isCancelled: { false })
                for (place, rows) in rows.enumerated() {
                    #expect(rows.shape == [reference.counts[place], 24])
                    expectClose(rows, Tensor(reference.rows[place], shape: rows.shape), .network)
                }
                let empty = try encoder.rows(
                    of: [""], length: length, emptyPrompt: .seesNothing, isCancelled: { false })
                #expect(empty[0].shape == [1, 24])
                let padded = try encoder.paddedRows(
                    of: [""], length: 5, emptyPrompt: .seesNothing, isCancelled: { false })
                #expect(padded[0].shape == [5, 24] && padded[0].values[24...].allSatisfy { $0 == 0 })
                #expect(encoder.cutOff("a boat", length: 1) == " a boat" && encoder.cutOff("", length: 1) == nil)
            }
        }
    }

    @Test func cleaningIsDoneBeforeEncoding() throws {
        try withTemporaryDirectory { folder in
            try T5Fixtures.copyModel(.flan, to: folder)
            try T5Fixtures.writeTokenizer(.flan, "tokenizer.json", to: folder)
            let use = TextEncoderUse(try TextEncoder(path: folder), cleaning: .published)
            let conditioner = try TextConditioner(width: 24, length: 2, use, origin: "model")
            #expect(conditioner.remarks([.text("<b>a</b>")]) == [])
            let plain = try TextConditioner(width: 24, length: 2, TextEncoderUse(use.encoder), origin: "model")
            #expect(plain.remarks([.text("<b>a</b>")]).count == 1)
            try conditioner.prepare([.text("A Boat")]) { false }
            // A model that takes a fixed number of rows gets zeros for those that a text does not have.
            let wide = try TextConditioner(width: 24, length: 9, use, origin: "model")
            #expect(throws: Never.self) { try wide.condition([.text("A Boat"), .text("")]) { _ in false } }
        }
    }

    private func refusal(_ change: (inout [String: Any]) -> Void) throws -> String {
        try withTemporaryDirectory { folder in
            try T5Fixtures.copyModel(.plain, to: "\(folder)/t5")
            let path = URL(fileURLWithPath: "\(folder)/t5/config.json")
            var values = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: path)) as? [String: Any])
            change(&values)
            try JSONSerialization.data(withJSONObject: values).write(to: path)
            return sentence { _ = try TextEncoderDirectory(path: "\(folder)/t5").load(keepsWeights: false) }
        }
    }

    @Test func configurationsThatDoNotFit() throws {
        let cases: [(String, Any?, [String])] = [
            ("feed_forward_proj", "relu", ["relu", "gated-gelu", "v1.1"]), ("feed_forward_proj", nil, ["relu"]),
            ("feed_forward_proj", "gated-silu", ["gated-silu"]), ("model_type", "umt5", ["umt5", "qwen3 or t5"]),
            ("d_model", nil, ["lacks d_model"]), ("d_model", "wide", ["d_model"]), ("d_model", 0, ["d_model"]),
            ("num_heads", -4, ["num_heads"]), ("d_kv", 1 << 40, ["d_kv"]), ("num_layers", 4, ["encoder.block.3"]),
            ("vocab_size", 225, ["shared.weight"]), ("relative_attention_num_buckets", 30, ["multiple of 4"]),
            ("relative_attention_max_distance", 8, ["relative_attention_max_distance"]),
            ("layer_norm_epsilon", 2, ["layer_norm_epsilon"]), ("quantization_config", ["bits": 8], ["quantized"]),
        ]
        for (key, value, named) in cases {
            let text = try refusal { $0[key] = value }
            for word in named { #expect(text.contains(word), "\(text)") }
            if !text.contains("encoder.block.3") { expectSentence(text, naming: []) }
        }
        #expect(try refusal { $0["model_type"] = nil } == "nothing was thrown")
        #expect(try refusal { $0["relative_attention_max_distance"] = nil } == "nothing was thrown")
    }

    @Test func tensorsThatDoNotFit() throws {
        func refusal(_ change: ([(String, Tensor)]) -> [(String, Tensor)]) throws -> String {
            try withTemporaryDirectory { folder in
                try T5Fixtures.copyModel(.plain, to: "\(folder)/t5")
                let path = "\(folder)/t5/model.safetensors"
                let file = try SafetensorsFile(path: path)
                let tensors = change(try file.names.map { ($0, try file.tensor($0).copied()) })
                try FileManager.default.removeItem(atPath: path)
                try SafetensorsWriter.write(tensors, to: path)
                return sentence { _ = try TextEncoderDirectory(path: "\(folder)/t5").load(keepsWeights: false) }
            }
        }
        let original = try refusal { tensors in
            tensors.filter { !$0.0.contains("wi_") } + [
                ("encoder.block.0.layer.1.DenseReluDense.wi.weight", Tensor(zeros: [32, 16]))
            ]
        }
        expectSentence(original, naming: ["original T5", "v1.1"])
        #expect(try refusal { $0.filter { !$0.0.hasSuffix("k.weight") } }.contains("SelfAttention.k"))
        #expect(try refusal { $0 + [("encoder.more", Tensor(zeros: [2]))] }.contains("encoder.more"))
        #expect(try refusal { $0 + [("decoder.more", Tensor(zeros: [2]))] } == "nothing was thrown")
    }

    @Test func tokensOutsideTheTable() throws {
        try withTemporaryDirectory { folder in
            try T5Fixtures.copyModel(.plain, to: "\(folder)/t5")
            let model = try TextEncoderDirectory(path: "\(folder)/t5").load(keepsWeights: false)
            for id in [224, -1] {
                expectSentence(
                    sentence { _ = try model([[3, id]], counts: [2], emptyPrompt: .seesNothing) },
                    naming: ["224 tokens", "\(id)"])
            }
            #expect(try model([[3, 4]], counts: [0], emptyPrompt: .seesNothing).values.allSatisfy { $0 == 0 })
        }
    }

    @Test func publishedSizes() throws {
        func sizes(_ width: Int, _ inner: Int, _ depth: Int, _ heads: Int) throws -> T5Architecture {
            try T5Architecture(
                width: width, feedForwardWidth: inner, depth: depth, heads: heads, headWidth: 64, vocabulary: 32128)
        }
        let large = try sizes(1024, 2816, 24, 16)
        #expect(large.name == "T5-large" && large.parameterCount == 341_231_104)
        let largest = try sizes(4096, 10240, 24, 64)
        #expect(largest.name == "T5-XXL" && largest.parameterCount == 4_762_310_656)
        #expect(largest.multiplyAdds(length: 120) > 500_000_000_000)
        #expect(try sizes(32, 64, 2, 2).name == "T5")
    }
}
