import Foundation
import PixNerdCheckpoints
import PixNerdLayers
import PixNerdModels
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Small random encoders in both formats against PyTorch, at the grid of their positions and at others.
@Suite struct DINOv2Tests {
    struct Encoder: Sendable, CustomTestStringConvertible {
        let name: String
        let path: String
        let registers: Int
        let patch: Int
        let resampling: DINOv2Architecture.PositionResampling
        var testDescription: String { name }
    }

    static let encoders = [
        Encoder(name: "hub", path: "hub.pth", registers: 0, patch: 14, resampling: .offset),
        Encoder(name: "hub-registers", path: "hub-registers.pth", registers: 4, patch: 7, resampling: .antialiased),
        Encoder(name: "transformers", path: "transformers", registers: 0, patch: 14, resampling: .size),
        Encoder(
            name: "transformers-registers", path: "transformers-registers", registers: 3, patch: 14,
            resampling: .antialiased),
    ]

    private func path(_ name: String) -> String { Fixtures.path("dinov2/\(name)") }

    /// Loads an encoder; hub files do not tell the number of heads, which have width 8 in these models.
    private func load(_ encoder: Encoder) throws -> DINOv2 {
        try DINOv2File(path: path(encoder.path)).load(heads: encoder.path.hasSuffix(".pth") ? 3 : nil)
    }

    @Test(arguments: encoders, ["3x3", "2x2", "5x4"])
    func tokensAgree(encoder: Encoder, grid: String) throws {
        let model = try load(encoder)
        let reference = try SafetensorsFile(path: path("\(encoder.name)-\(grid).safetensors"))
        let basePatch = try #require(Int(reference.metadata["base_patch"] ?? ""))
        let tokens = model.features(of: try reference.tensor("image"), basePatch: basePatch)
        expectClose(tokens, try reference.tensor("tokens"), .network, "\(encoder.name) at \(grid)")
    }

    @Test(arguments: encoders.filter { !$0.path.hasSuffix(".pth") })
    func classTokensAgree(encoder: Encoder) throws {
        let reference = try SafetensorsFile(path: path("\(encoder.name)-class.safetensors"))
        let tokens = try load(encoder).classTokens(try reference.tensor("x"))
        expectClose(tokens, try reference.tensor("class_token"), .network, encoder.name)
    }

    @Test(arguments: encoders)
    func sizesAreReadOffTheTensors(encoder: Encoder) throws {
        let architecture = try load(encoder).architecture
        #expect(architecture.width == 24 && architecture.depth == 2 && architecture.heads == 3)
        #expect(architecture.gridSize == 3 && architecture.patchSize == encoder.patch)
        #expect(architecture.registers == encoder.registers && architecture.isGated == (encoder.registers > 0))
        #expect(architecture.positionResampling == encoder.resampling)
        #expect(architecture.name == "ViT/\(encoder.patch)" + (encoder.registers > 0 ? " with registers" : ""))
        let file = try DINOv2File(path: path(encoder.path))
        let counts = file.tensors.names.map { file.tensors.shape(of: $0)!.reduce(1, *) }
        // All but the mask token.
        #expect(architecture.parameterCount == counts.reduce(0, +) - 24)
    }

    @Test func manyPicturesAreThoseOneByOne() throws {
        let model = try load(Self.encoders[0])
        let image = Tensor.normal([11, 3, 32, 48]) { RandomStream(seed: 3, purpose: .test, index: $0) }
        let all = model.features(of: image, basePatch: 16)
        #expect(all.shape == [11, 6, 24])
        for index in [0, 7, 8, 10] {
            let one = model.features(of: image.rows(index..<index + 1), basePatch: 16)
            expectClose(all.rows(index..<index + 1), one, .oneOperator, "picture \(index)")
        }
    }

    @Test func publishedSizesHaveTheirNames() {
        func name(_ width: Int, _ depth: Int, _ registers: Int = 0) -> String {
            DINOv2Architecture(width: width, depth: depth, heads: width / 64, registers: registers).name
        }
        #expect(name(384, 12) == "ViT-S/14" && name(768, 12) == "ViT-B/14" && name(1024, 24) == "ViT-L/14")
        #expect(name(1536, 40, 4) == "ViT-g/14 with registers" && name(768, 11) == "ViT/14")
        // As published: 86.6 million of ViT-B. At 224 x 224: 12 (257 (4 768^2 + 8 768^2) + 2 257^2 768) + 256 588 768.
        let base = DINOv2Architecture(width: 768, depth: 12, heads: 12)
        #expect(base.parameterCount == 86_579_712)
        #expect(base.multiplyAdds(rows: 16, columns: 16) == 23_161_227_264)
    }

    @Test func theFingerprintIsOfAllWeights() throws {
        let file = try DINOv2File(path: path("transformers")).tensors
        let original = try DINOv2(loading: file, heads: 3).fingerprint
        #expect(original.count == 32)
        #expect(try DINOv2(loading: file, heads: 3).fingerprint == original)
        try withTemporaryDirectory { directory in
            let copy = "\(directory)/copy.safetensors"
            let file = try SafetensorsFile(path: path("transformers/model.safetensors"))
            try writeCopy(of: file, to: copy) { name, values in
                if name == "encoder.layer.1.mlp.fc2.weight" { values[values.count - 1] += 1e-3 }
            }
            #expect(try DINOv2(loading: TensorFile.open(path: copy), heads: 3).fingerprint != original)
        }
    }

    @Test func whatIsMissingOrLeftOverIsListedUnderTheNamesOfTheFile() throws {
        try withTemporaryDirectory { directory in
            let file = try SafetensorsFile(path: path("transformers/model.safetensors"))
            let copy = "\(directory)/copy.safetensors"
            let dropped: Set = ["encoder.layer.1.attention.attention.key.weight", "layernorm.bias"]
            try writeCopy(of: file, to: copy, without: dropped)
            let error = #expect(throws: CheckpointMismatch.self) {
                try DINOv2(loading: TensorFile.open(path: copy), heads: 3)
            }
            #expect(error?.missing == ["encoder.layer.1.attention.attention.key.weight", "layernorm.bias"])
            expectSentence(error?.description ?? "", naming: [copy, "layernorm.bias"])
        }
    }

    private func refusal(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "nothing was thrown"
        } catch {
            return "\(error)"
        }
    }

    @Test func filesThatAreNotEncodersAreRefused() throws {
        expectSentence(refusal { _ = try DINOv2File(path: "missing.pth") }, naming: ["no encoder missing.pth"])
        let pixnerd = Fixtures.path("pixnerd/tiny-checkpoint.safetensors")
        expectSentence(
            refusal { _ = try DINOv2File(path: pixnerd).load() }, naming: [pixnerd, "not a DINOv2", "pos_embed"])
        expectSentence(
            refusal { _ = try DINOv2File(path: path("hub.pth")).load() }, naming: ["hub.pth", "24", "heads"])
        expectSentence(
            refusal { _ = try DINOv2File(path: path("hub.pth")).load(heads: 5) }, naming: ["hub.pth", "5", "24"])
        try withTemporaryDirectory { directory in
            expectSentence(refusal { _ = try DINOv2File(path: directory) }, naming: [directory, "config.json"])
            for (json, needed) in [
                ("{}", "num_attention_heads"), (#"{"model_type": "vit", "num_attention_heads": 3}"#, "'vit'"),
                (#"{"model_type": "dinov2", "num_attention_heads": 3, "hidden_act": "relu"}"#, "'relu'"),
                (#"{"model_type": "dinov2", "num_attention_heads": 3}"#, "model.safetensors"),
            ] {
                try json.write(toFile: "\(directory)/config.json", atomically: true, encoding: .utf8)
                expectSentence(refusal { _ = try DINOv2File(path: directory) }, naming: [directory, needed])
            }
        }
    }
}
