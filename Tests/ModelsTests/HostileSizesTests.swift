import Foundation
import PixNerdModels
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Tensors of zeros of any shapes.
private struct Shapes: TensorSource {
    let origin = "file.pt"
    let shapes: [String: [Int]]

    var names: [String] { shapes.keys.sorted() }
    func shape(of name: String) -> [Int]? { shapes[name] }
    func tensor(_ name: String) throws -> Tensor { Tensor(zeros: shapes[name] ?? [1]) }
}

/// Sizes that files tell are refused in a sentence where no model has them.
@Suite struct HostileSizesTests {
    private static let pixNerd: [String: [Int]] = [
        "s_embedder.proj.weight": [8, 12], "y_embedder.embedding_table.weight": [3, 8],
        "blocks.0.attn.q_norm.weight": [4], "final_layer.linear.weight": [3, 4],
        "x_embedder.embedder.0.weight": [4, 67], "blocks.1.param_generator1.0.weight": [64, 8],
    ]

    private func refuse(_ shapes: [String: [Int]], channels: Int? = nil, naming words: [String]) {
        let error = #expect(throws: PixNerdError.self) {
            try KnownDenoisers.architecture(of: Shapes(shapes: shapes), channels: channels)
        }
        expectSentence(error?.description ?? "", naming: words)
    }

    @Test(arguments: [Int.max, 1 << 40, 1024])
    func blockNumbersAreBounded(number: Int) {
        let name = "blocks.\(number).attn.qkv.weight"
        refuse(Self.pixNerd.merging([name: [1]]) { $1 }, naming: [name, "1024 blocks"])
        let other: [String: [Int]] = [
            "pos_embed": [1, 4, 8], "x_embedder.proj.weight": [8, 4, 2, 2], "blocks.0.mlp.fc1.weight": [32, 8],
            "final_layer.linear.weight": [32, 8], "y_embedder.embedding_table.weight": [11, 8], name: [1],
        ]
        #expect(throws: PixNerdError.self) {
            try DiTArchitecture(readFrom: Shapes(shapes: other), metadata: ["num_heads": "2"], channels: nil)
        }
    }

    @Test(arguments: [0, -1, Int.min, Int.max])
    func channelsAreBounded(channels: Int) {
        var shapes = Self.pixNerd
        shapes["x_embedder.proj.weight"] = [8, 12]
        refuse(shapes, channels: channels, naming: ["channels"])
    }

    @Test(arguments: [
        ("latent_channels", Int.max), ("layers_per_block", 10_000_000), ("in_channels", 0), ("norm_num_groups", -1),
    ])
    func configurationsOfAutoencodersAreBounded(key: String, value: Int) {
        let json = "{\"block_out_channels\": [64], \"\(key)\": \(value)}"
        let error = #expect(throws: PixNerdError.self) {
            try JSONDecoder().decode(AutoencoderArchitecture.self, from: Data(json.utf8))
        }
        expectSentence(error?.description ?? "", naming: [key, "\(value)"])
    }

    @Test func costsThatDoNotFitAreTheLargestNumber() throws {
        let autoencoder = try AutoencoderArchitecture(levelWidths: [64])
        #expect(autoencoder.encodingMultiplyAdds(height: .max, width: .max) == .max)
        #expect(autoencoder.decodingMultiplyAdds(height: 1 << 30, width: 1 << 30) == .max)
        #expect(try PixNerdArchitecture(preset: "XL/16").multiplyAdds(height: .max, width: .max) == .max)
        #expect(DINOv2Architecture(width: 64, depth: 1, heads: 1).multiplyAdds(rows: .max, columns: 2) == .max)
    }

    @Test func foreignFilesAreToldByWhatTheyLookLike() {
        refuse(["x_embedder.proj.weight": [8, 4, 2, 2]], naming: ["not a PixNerd checkpoint", "DiT or SiT"])
        refuse(["Conv2d_1a_3x3.conv.weight": [1], "fc.bias": [1]], naming: ["not a PixNerd checkpoint", "Inception"])
        refuse(["some.thing": [1], "other": [1]], naming: ["not a PixNerd checkpoint", "s_embedder.proj.weight"])
        let prefixed = Dictionary(uniqueKeysWithValues: Self.pixNerd.map { ("model.\($0)", $1) })
        refuse(prefixed, naming: ["not a PixNerd checkpoint", "model.", "those of PixNerd", "without model."])
        refuse(["net.enc.a": [1], "net.enc.b": [1]], naming: ["begin with net.", "a U-Net of EDM"])
    }

    @Test func aDiTThatCannotBeReadIsNamed() {
        let shapes: [String: [Int]] = [
            "pos_embed": [1, 4, 8], "x_embedder.proj.weight": [8, 4, 2, 2], "blocks.0.mlp.fc1.weight": [32, 8],
            "final_layer.linear.weight": [32, 8], "y_embedder.embedding_table.weight": [11, 8],
        ]
        refuse(shapes, naming: ["not a PixNerd checkpoint", "DiT", "SiT", "heads"])
    }
}
