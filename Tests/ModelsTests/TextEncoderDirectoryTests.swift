import Foundation
import PixNerdCheckpoints
import PixNerdLayers
import PixNerdModels
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Directories of text encoders as they are published, in one file and in shards, and broken ones.
@Suite struct TextEncoderDirectoryTests {
    /// A copy of the fixture without its weights.
    private func withConfiguration<R>(
        _ change: (inout [String: Any]) -> Void = { _ in }, _ body: (String) throws -> R
    ) throws -> R {
        try withTemporaryDirectory { directory in
            let text = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("t2i/qwen3/config.json")))
            var values = try #require(try JSONSerialization.jsonObject(with: text) as? [String: Any])
            change(&values)
            try JSONSerialization.data(withJSONObject: values)
                .write(to: URL(fileURLWithPath: "\(directory)/config.json"))
            return try body(directory)
        }
    }

    private func copyWeights(to directory: String) throws {
        try FileManager.default.copyItem(
            atPath: Fixtures.path("t2i/qwen3/model.safetensors"), toPath: "\(directory)/model.safetensors")
    }

    /// Writes the fixture's weights into two shards and an index, which `change` may change.
    private func writeShards(
        to directory: String, _ change: (inout [String: String]) -> Void = { _ in }
    ) throws {
        let file = try SafetensorsFile(path: Fixtures.path("t2i/qwen3/model.safetensors"))
        var map: [String: String] = [:]
        for shard in 0...1 {
            let name = "model-0000\(shard + 1)-of-00002.safetensors"
            let names = file.names.enumerated().filter { $0.offset % 2 == shard }.map(\.element)
            try SafetensorsWriter.write(names.map { ($0, try file.tensor($0)) }, to: "\(directory)/\(name)")
            for tensor in names { map[tensor] = name }
        }
        change(&map)
        let index: [String: Any] = ["metadata": ["total_size": 1], "weight_map": map]
        try JSONSerialization.data(withJSONObject: index)
            .write(to: URL(fileURLWithPath: "\(directory)/model.safetensors.index.json"))
    }

    private func rows(_ directory: String) throws -> [Float] {
        let model = try TextEncoderDirectory(path: directory).load(keepsWeights: false)
        return try model([[5, 6, 7, 480]], counts: [3], emptyPrompt: .seesNothing).values
    }

    @Test func shardsAreTheWholeFile() throws {
        try withConfiguration { directory in
            try writeShards(to: directory)
            let encoder = try TextEncoderDirectory(path: directory)
            #expect(encoder.weights.files.count == 2)
            let whole = try TextEncoderDirectory(path: Fixtures.path("t2i/qwen3"))
            #expect(encoder.fingerprint == whole.fingerprint && encoder.architecture == whole.architecture)
            #expect(try rows(directory) == rows(whole.path))
        }
    }

    @Test func rotaryRateOfNewerFiles() throws {
        try withConfiguration {
            $0["rope_theta"] = nil
            $0["rope_parameters"] = ["rope_theta": 1_000_000, "rope_type": "default"]
            $0["layer_types"] = ["full_attention", "full_attention"]
        } _: { directory in
            try copyWeights(to: directory)
            #expect(try rows(directory) == rows(Fixtures.path("t2i/qwen3")))
        }
    }

    @Test func fingerprintsTellEncodersApart() throws {
        let fixture = try TextEncoderDirectory(path: Fixtures.path("t2i/qwen3"))
        for change in [{ (map: inout [String: Any]) in map["rope_theta"] = 10000 }, { $0["rms_norm_eps"] = 1e-5 }] {
            try withConfiguration(change) { directory in
                try copyWeights(to: directory)
                #expect(try TextEncoderDirectory(path: directory).fingerprint != fixture.fingerprint)
            }
        }
        try withConfiguration { directory in
            let file = try SafetensorsFile(path: Fixtures.path("t2i/qwen3/model.safetensors"))
            let tensors = try file.names.map { name in
                (
                    name: name,
                    tensor: name == "model.norm.weight" ? Tensor(repeating: 1, shape: [24]) : try file.tensor(name)
                )
            }
            try SafetensorsWriter.write(tensors, to: "\(directory)/model.safetensors")
            #expect(try TextEncoderDirectory(path: directory).fingerprint != fixture.fingerprint)
        }
    }

    @Test func whatIsATextEncoder() throws {
        #expect(TextEncoderDirectory.isTextEncoder(path: Fixtures.path("t2i/qwen3")))
        #expect(!TextEncoderDirectory.isTextEncoder(path: Fixtures.path("dinov2/transformers")))
        #expect(!TextEncoderDirectory.isTextEncoder(path: Fixtures.path("autoencoder")))
        #expect(!TextEncoderDirectory.isTextEncoder(path: "missing"))
    }

    private func expectRefused(
        _ directory: String, naming needed: [String], sourceLocation: SourceLocation = #_sourceLocation
    ) {
        expectSentence(
            sentence { _ = try TextEncoderDirectory(path: directory).load(keepsWeights: false) }, naming: needed,
            sourceLocation: sourceLocation)
    }

    @Test func missingParts() throws {
        expectRefused("missing", naming: ["there is no text encoder missing", "tokenizer.json"])
        expectRefused(Fixtures.path("t2i/text.safetensors"), naming: ["is a file", "the directory of a Qwen3"])
        try withTemporaryDirectory { expectRefused($0, naming: [$0, "lacks config.json"]) }
        try withConfiguration { directory in
            expectRefused(directory, naming: ["neither model.safetensors nor model.safetensors.index.json"])
            try writeShards(to: directory)
            try FileManager.default.removeItem(atPath: "\(directory)/model-00002-of-00002.safetensors")
            expectRefused(directory, naming: ["lacks the file model-00002-of-00002.safetensors", "download it"])
        }
    }

    static let indices: [(problem: String, change: @Sendable (inout [String: String]) -> Void)] = [
        ("'../other.safetensors'", { $0["model.norm.weight"] = "../other.safetensors" }),
        ("'/etc/passwd'", { $0["model.norm.weight"] = "/etc/passwd" }),
        ("in ''", { $0["model.norm.weight"] = "" }),
        ("lacks a weight_map", { $0 = [:] }),
        ("lacks model.norm.weight", { $0["model.norm.weight"] = nil }),
        (
            "holds model.other, which the model does not use",
            {
                $0["model.other"] = $0.removeValue(forKey: "model.norm.weight")
            }
        ),
    ]

    @Test(arguments: indices.indices) func brokenIndices(number: Int) throws {
        let (problem, change) = Self.indices[number]
        try withConfiguration { directory in
            try writeShards(to: directory, change)
            // A name that no shard holds is found before the names that the model needs.
            expectRefused(
                directory, naming: [problem.hasPrefix("holds") ? "holds the tensor model.other" : problem])
        }
    }

    @Test(arguments: ["", "{", "[]", "{\"weight_map\": 3}", "{\"weight_map\": {\"a\": 1}}"])
    func anIndexThatIsNone(text: String) throws {
        try withConfiguration { directory in
            let path = "\(directory)/model.safetensors.index.json"
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
            expectRefused(directory, naming: [path])
        }
    }

    static let configurations: [(problem: String, change: @Sendable (inout [String: Any]) -> Void)] = [
        ("model_type 'qwen2'; expected qwen3", { $0["model_type"] = "qwen2" }),
        ("lacks model_type", { $0["model_type"] = nil }),
        ("lacks head_dim", { $0["head_dim"] = nil }),
        ("lacks rope_theta", { $0["rope_theta"] = nil }),
        ("its hidden_size has another type", { $0["hidden_size"] = "24" }),
        ("attention_bias", { $0["attention_bias"] = true }),
        ("hidden_act 'gelu'", { $0["hidden_act"] = "gelu" }),
        ("rope_scaling of the type 'yarn'", { $0["rope_scaling"] = ["rope_type": "yarn", "factor": 4] }),
        ("sliding window", { $0["use_sliding_window"] = true }),
        ("sliding window", { $0["layer_types"] = ["full_attention", "sliding_attention"] }),
        ("quantized", { $0["quantization_config"] = ["bits": 4] }),
        ("hidden_size is 0; expected at least 1", { $0["hidden_size"] = 0 }),
        ("num_hidden_layers is 100000; expected at most", { $0["num_hidden_layers"] = 100_000 }),
        ("num_attention_heads is 9223372036854775807", { $0["num_attention_heads"] = Int.max }),
        ("num_key_value_heads is 3; expected a divisor", { $0["num_key_value_heads"] = 3 }),
        ("head_dim is 7; expected an even number", { $0["head_dim"] = 7 }),
        ("rms_norm_eps is 0", { $0["rms_norm_eps"] = 0 }),
        ("rope_theta is -1", { $0["rope_theta"] = -1 }),
        ("lacks model.layers.2.input_layernorm.weight", { $0["num_hidden_layers"] = 3 }),
        ("holds model.layers.1.", { $0["num_hidden_layers"] = 1 }),
        ("as [488, 24] where [488, 48] is expected", { $0["hidden_size"] = 48 }),
    ]

    @Test(arguments: configurations.indices) func brokenConfigurations(number: Int) throws {
        let (problem, change) = Self.configurations[number]
        try withConfiguration(change) { directory in
            try copyWeights(to: directory)
            expectRefused(directory, naming: [directory, problem])
        }
    }

    @Test func weightsThatAreNone() throws {
        try withConfiguration { directory in
            let path = "\(directory)/model.safetensors"
            for (text, problem) in [
                ("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
                ("no tensors at all", "not a whole .safetensors file"),
            ] {
                try Data(text.utf8).write(to: URL(fileURLWithPath: path))
                expectRefused(directory, naming: [path, problem])
            }
        }
        try withConfiguration { directory in
            try SafetensorsWriter.write(
                [], integers: [("model.norm.weight", [24], Array(0..<24))], to: "\(directory)/model.safetensors")
            expectRefused(directory, naming: ["lacks model.embed_tokens.weight", "and "])
        }
    }

    @Test func idsAndCountsThatDoNotFit() throws {
        let model = try TextEncoderDirectory(path: Fixtures.path("t2i/qwen3")).load(keepsWeights: false)
        for (ids, counts, problem) in [
            ([[5, 488]], [2], "rows for 488 tokens, and the text has the token 488"), ([[-1]], [1], "the token -1"),
            ([[5], [5, 6]], [1, 1], "as many in all texts"), ([], [], "there are 0 texts"), ([[]], [0], "1 to"),
            ([[5]], [2], "are [2]"), ([[5]], [-1], "are [-1]"), ([[5]], [], "are []"),
        ] {
            expectSentence(
                sentence { _ = try model(ids, counts: counts, emptyPrompt: .seesNothing) }, naming: [problem])
        }
    }
}
