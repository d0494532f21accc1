import PixNerdTensors

/// The tensors of an autoencoder file under diffusers' current names.
///
/// It also reads diffusers' names before version 0.15 (`query`, `key`, `value`, `proj_attn` in attention) and the names
/// of the CompVis code (`encoder.down.0.block.0`, attention as 1 x 1 convolutions), which single files use, with or
/// without the prefix `first_stage_model.` or `vae.`. Other tensors of such a file (the rest of a pipeline, or losses
/// and EMAs of its training) are ignored.
struct AutoencoderNames: TensorSource {
    private let source: any TensorSource
    /// Names in the file, by diffusers' names.
    private let storedNames: [String: String]
    let names: [String]

    init(_ source: any TensorSource) {
        self.source = source
        let prefix =
            ["first_stage_model.", "vae."].first { prefix in source.names.contains { $0.hasPrefix(prefix) } } ?? ""
        let isCompVis = source.names.contains { $0.hasPrefix("\(prefix)encoder.mid.") }
        let levels = Self.levels(source.names, prefix: prefix)
        let parts = ["encoder.", "decoder.", "quant_conv.", "post_quant_conv."]
        var (storedNames, names): ([String: String], [String]) = ([:], [])
        for stored in source.names where stored.hasPrefix(prefix) {
            let bare = String(stored.dropFirst(prefix.count))
            // Pipelines and CompVis files hold other tensors too; in any other file an unknown tensor is an error.
            if !prefix.isEmpty || isCompVis, !parts.contains(where: { bare.hasPrefix($0) }) { continue }
            let name = isCompVis ? Self.fromCompVis(bare, levels: levels) : Self.fromOldDiffusers(bare)
            storedNames[name] = stored
            names.append(name)
        }
        self.storedNames = storedNames
        self.names = names
    }

    var origin: String { source.origin }

    func shape(of name: String) -> [Int]? {
        guard let shape = storedNames[name].flatMap({ source.shape(of: $0) }) else { return nil }
        return Self.isAttentionWeight(name) && shape.count == 4 && shape[2...] == [1, 1] ? Array(shape[..<2]) : shape
    }

    func tensor(_ name: String) throws -> Tensor {
        let tensor = try source.tensor(storedNames[name] ?? name)
        return shape(of: name).map { tensor.reshaped($0) } ?? tensor
    }

    /// Number of levels of a CompVis decoder, which counts them from the finest; diffusers counts from the coarsest.
    private static func levels(_ names: [String], prefix: String) -> Int {
        let start = "\(prefix)decoder.up."
        return names.filter { $0.hasPrefix(start) }
            .compactMap { Int($0.dropFirst(start.count).prefix { $0.isNumber }) }.filter { $0 < names.count }.max().map
        { $0 + 1 } ?? 0
    }

    private static func isAttentionWeight(_ name: String) -> Bool {
        name.contains(".attentions.0.to_") && name.hasSuffix(".weight")
    }

    private static let oldAttention = [
        "query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0",
    ]

    private static func fromOldDiffusers(_ name: String) -> String {
        guard name.contains(".attentions.0.") else { return name }
        return name.split(separator: ".").map { oldAttention[String($0)] ?? String($0) }.joined(separator: ".")
    }

    private static let compVisAttention = [
        "norm": "group_norm", "q": "to_q", "k": "to_k", "v": "to_v", "proj_out": "to_out.0",
    ]

    /// Translates a name, such as `encoder.down.1.block.0.nin_shortcut.weight` to
    /// `encoder.down_blocks.1.resnets.0.conv_shortcut.weight`.
    private static func fromCompVis(_ name: String, levels: Int) -> String {
        var parts = name.split(separator: ".").map(String.init)
        guard parts.count > 2 else { return name }
        switch (parts[1], parts.count) {
        case ("norm_out", _):
            parts[1] = "conv_norm_out"
        case ("down", 5...), ("up", 5...):
            let isUp = parts[1] == "up"
            parts[1] += "_blocks"
            if isUp, let level = Int(parts[2]), (0..<levels).contains(level) { parts[2] = String(levels - 1 - level) }
            switch parts[3] {
            case "block": parts[3] = "resnets"
            case "downsample": parts[3] = "downsamplers.0"
            case "upsample": parts[3] = "upsamplers.0"
            default: break
            }
        case ("mid", 4...):
            parts[1] = "mid_block"
            switch parts[2] {
            case "block_1": parts[2] = "resnets.0"
            case "block_2": parts[2] = "resnets.1"
            case "attn_1":
                parts[2] = "attentions.0"
                parts[3] = compVisAttention[parts[3]] ?? parts[3]
            default: break
            }
        default: break
        }
        return parts.map { $0 == "nin_shortcut" ? "conv_shortcut" : $0 }.joined(separator: ".")
    }
}
