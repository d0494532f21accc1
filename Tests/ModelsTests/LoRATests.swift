import Foundation
import PixNerdCheckpoints
import PixNerdTensors
import PixNerdTestSupport
import Testing

@testable import PixNerdModels

/// LoRAs for every kind of denoiser, merged when it is loaded and in a conversion.
@Suite struct LoRATests {
    private static let models: [(path: String, layers: [String])] = [
        ("pixnerd/tiny-checkpoint.safetensors", ["blocks.0.attn.qkv", "t_embedder.mlp.0"]),
        ("t2i/model.safetensors", ["blocks.0.attn.qkv_x", "s_embedder.proj"]),
        ("dit/tiny.pt", ["blocks.0.attn.qkv", "x_embedder.proj", "final_layer.linear"]),
        ("minit2i/minit2i-b", ["txt_embedder", "final_layer.linear"]),
        ("pixart/alpha-1024-ms", ["blocks.1.attn.qkv", "transformer_blocks.0.ff.net.2", "pos_embed.proj"]),
    ]

    private static func random(_ shape: [Int], _ index: Int) -> Tensor {
        Tensor.normal(shape) { RandomStream(seed: 3, purpose: .test, step: index, index: $0) }
    }

    /// A LoRA of rank 2 and alpha 3 for some layers, under names with a part of them, such as `blocks.0.attn.qkv`.
    private static func write(_ checkpoint: DenoiserCheckpoint, _ wanted: [String], to path: String) throws {
        let architecture = try checkpoint.architecture(.raw)
        let source = try checkpoint.tensors(.raw)
        let others = type(of: architecture).otherLayerNames(source)
        let names = LayerNames(source, others: others)
        var tensors: [(name: String, tensor: Tensor)] = []
        for (place, layer) in wanted.enumerated() {
            let found = source.names.first { $0.contains(layer) && $0.hasSuffix(".weight") }.map {
                String($0.dropLast(".weight".count))
            }
            let name = names.parts(of: layer, hasUnderscores: false) == nil ? try #require(found) : layer
            let parts = try #require(names.parts(of: name, hasUnderscores: false))
            let shape = try #require(source.shape(of: parts[0].tensor))
            let outputs = parts.reduce(0) { $0 + $1.count }
            tensors += [
                ("\(name).lora_A.weight", random([2] + shape.dropFirst(), 2 * place)),
                ("\(name).lora_B.weight", random([outputs, 2], 2 * place + 1)),
                ("\(name).alpha", Tensor([3], shape: [1])),
            ]
        }
        try SafetensorsWriter.write(tensors, to: path)
    }

    /// A merged layer is W + 1.5 * 0.8 B A, and all others and those at strength 0 keep every bit.
    @Test(arguments: models)
    func productsAreAdded(model: (path: String, layers: [String])) throws {
        try withTemporaryDirectory { directory in
            let checkpoint = try DenoiserCheckpoint(path: Fixtures.path(model.path)).telling(heads: 2)
            let path = "\(directory)/lora.safetensors"
            try Self.write(checkpoint, model.layers, to: path)
            let plain = try checkpoint.load(.raw).parameters
            let off = try checkpoint.adapted(by: [LoRAChoice(path: path, strength: 0)]).load(.raw).parameters
            #expect(plain.map(\.value.values) == off.map(\.value.values))
            let on = try checkpoint.adapted(by: [LoRAChoice(text: "\(path):0.8")]).load(.raw).parameters
            let changed = zip(plain, on).filter { $0.value.values != $1.value.values }
            #expect(changed.count == model.layers.count, "\(changed.map(\.0.name))")
            for (before, after) in changed {
                let shape = before.value.shape
                let place = try #require(
                    model.layers.indices.first { place in
                        Self.matches(model.layers[place], before.name)
                    })
                let down = Self.random([2] + shape.dropFirst(), 2 * place)
                let up = Self.random([shape[0], 2], 2 * place + 1)
                let inputs = down.count / 2
                let expected = before.value.values.enumerated().map { at, value -> Float in
                    let (row, column) = at.quotientAndRemainder(dividingBy: inputs)
                    let product =
                        up.values[2 * row] * down.values[column] + up.values[2 * row + 1]
                        * down.values[inputs + column]
                    return value + 1.2 * product
                }
                #expect(relativeError(after.value.values, expected) < 1e-5, "\(before.name)")
            }
        }
    }

    private static func matches(_ layer: String, _ name: String) -> Bool {
        let published = [
            "transformer_blocks.0.ff.net.2": "blocks.0.mlp.fc2", "pos_embed.proj": "x_embedder.proj",
        ]
        return name.contains(published[layer] ?? layer)
    }

    /// What a conversion merged gives the weights that loading merges, to the bit.
    @Test func conversionMerges() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/lora.safetensors"
            let checkpoint = try DenoiserCheckpoint(path: Fixtures.path("pixnerd/tiny-checkpoint.safetensors"))
            try Self.write(checkpoint, ["blocks.0.attn.qkv", "blocks.0.mlp.w2"], to: path)
            let adapted = try checkpoint.adapted(by: [LoRAChoice(path: path)])
            let output = "\(directory)/merged.safetensors"
            _ = try adapted.conversion(.ema, type: nil).write(to: output, metadata: adapted.describedMetadata)
            let merged = try DenoiserCheckpoint(path: output).load(.ema).parameters
            #expect(try merged.map(\.value.values) == adapted.load(.ema).parameters.map(\.value.values))
            #expect(try merged.map(\.value.values) != checkpoint.load(.ema).parameters.map(\.value.values))
        }
    }

    @Test func whatDoesNotFitIsRefused() throws {
        try withTemporaryDirectory { directory in
            let checkpoint = try DenoiserCheckpoint(path: Fixtures.path("pixnerd/tiny-checkpoint.safetensors"))
            func refusal(_ path: String) -> String {
                sentence { _ = try checkpoint.adapted(by: [LoRAChoice(path: path)]).load(.ema) }
            }
            expectSentence(refusal(Fixtures.path("lora/peft")), naming: ["adapter_model", "all of its 12 layers"])
            expectSentence(refusal(Fixtures.path("lora/dora.safetensors")), naming: ["dora", "a DoRA"])
            expectSentence(
                refusal(Fixtures.path("pixnerd/tiny-checkpoint.safetensors")), naming: ["no LoRA", "lora_A.weight"])
            expectSentence(refusal("\(directory)/none"), naming: ["none"])
            expectSentence(refusal(directory), naming: ["adapter_model.safetensors"])
            let other = "\(directory)/other.safetensors"
            func write(_ down: [Int], _ up: [Int], _ value: Float = 1) throws {
                try SafetensorsWriter.write(
                    [
                        ("blocks.0.attn.qkv.lora_A.weight", Tensor(repeating: value, shape: down)),
                        ("blocks.0.attn.qkv.lora_B.weight", Tensor(repeating: 1, shape: up)),
                    ], to: other)
            }
            try write([2, 7], [9, 2])
            expectSentence(refusal(other), naming: ["blocks.0.attn.qkv makes 9 numbers of 7"])
            try write([2, 7], [9, 3])
            expectSentence(refusal(other), naming: ["[2, 7]", "[9, 3]"])
            try write([2, 7], [9, 2], .nan)
            expectSentence(refusal(other), naming: ["not finite"])
            try SafetensorsWriter.write(
                [("blocks.0.attn.qkv.lora_A.weight", Tensor(zeros: [1, 1]))], to: other)
            expectSentence(refusal(other), naming: ["lacks one of the two factors"])
            try Data("{\"r\": 1, \"lora_alpha\": ".utf8).write(
                to: URL(fileURLWithPath: "\(directory)/adapter_config.json"))
            try write([1, 7], [9, 1])
            expectSentence(refusal(other), naming: ["adapter_config.json"])
            expectSentence(
                sentence { _ = try LoRAChoice(text: "\(directory)/missing:strong") }, naming: ["'strong'", "0.8"])
        }
    }
}
