import PixNerdTensors

/// The tensors of a PixArt under the names of the published `.pth` files.
///
/// It also reads diffusers' names, where queries, keys and values have matrices of their own. `pos_embed` is left out:
/// positions are computed.
struct PixArtNames: TensorSource {
    private let source: any TensorSource
    /// The stored names of each tensor, which are stacked.
    private let stored: [String: [String]]
    let names: [String]

    /// Whether tensors have diffusers' names.
    static func areOfDiffusers(_ source: any TensorSource) -> Bool {
        source.shape(of: "adaln_single.linear.weight") != nil
    }

    private static let diffusersControl = "controlnet_blocks"

    init(_ source: any TensorSource) {
        self.source = source
        // A ControlNet may have the other layout than its denoiser.
        let isMapped = Self.areOfDiffusers(source) || source.names.contains { $0.hasPrefix(Self.diffusersControl) }
        guard isMapped else {
            names = source.names.filter { $0 != "pos_embed" }
            stored = [:]
            return
        }
        var (stored, names): ([String: [String]], [String]) = ([:], [])
        for name in source.names where name != "pos_embed" {
            let (published, part) = Self.published(name)
            if stored[published] == nil { names.append(published) }
            var parts = stored[published] ?? []
            // Parts come in any order; a name that stands for a whole tensor has the part 0.
            while parts.count <= part { parts.append("") }
            parts[part] = name
            stored[published] = parts
        }
        (self.stored, self.names) = (stored, names)
    }

    var origin: String { source.origin }

    func shape(of name: String) -> [Int]? {
        guard name != "pos_embed" else { return nil }
        guard !stored.isEmpty else { return source.shape(of: name) }
        guard let parts = stored[name] else { return nil }
        let shapes = parts.compactMap { source.shape(of: $0) }
        guard shapes.count == parts.count, let first = shapes.first, !first.isEmpty,
            shapes.allSatisfy({ $0.dropFirst() == first.dropFirst() })
        else { return nil }
        return [shapes.reduce(0) { $0 + $1[0] }] + first.dropFirst()
    }

    func tensor(_ name: String) throws -> Tensor {
        let parts = try (stored[name] ?? [name]).map { try source.tensor($0) }
        return parts.count == 1 ? parts[0] : Tensor.concatenated(parts)
    }

    private static let blockNames: [String: (String, Int)] = [
        "attn1.to_q": ("attn.qkv", 0), "attn1.to_k": ("attn.qkv", 1), "attn1.to_v": ("attn.qkv", 2),
        "attn1.to_out.0": ("attn.proj", 0), "attn1.q_norm": ("attn.q_norm", 0), "attn1.k_norm": ("attn.k_norm", 0),
        "attn2.to_q": ("cross_attn.q_linear", 0), "attn2.to_k": ("cross_attn.kv_linear", 0),
        "attn2.to_v": ("cross_attn.kv_linear", 1), "attn2.to_out.0": ("cross_attn.proj", 0),
        "ff.net.0.proj": ("mlp.fc1", 0), "ff.net.2": ("mlp.fc2", 0),
    ]
    private static let otherNames: [String: String] = [
        "pos_embed.proj": "x_embedder.proj", "adaln_single.linear": "t_block.1", "proj_out": "final_layer.linear",
        "caption_projection.linear_1": "y_embedder.y_proj.fc1", "caption_projection.linear_2": "y_embedder.y_proj.fc2",
        "adaln_single.emb.timestep_embedder.linear_1": "t_embedder.mlp.0",
        "adaln_single.emb.timestep_embedder.linear_2": "t_embedder.mlp.2",
        "adaln_single.emb.resolution_embedder.linear_1": "csize_embedder.mlp.0",
        "adaln_single.emb.resolution_embedder.linear_2": "csize_embedder.mlp.2",
        "adaln_single.emb.aspect_ratio_embedder.linear_1": "ar_embedder.mlp.0",
        "adaln_single.emb.aspect_ratio_embedder.linear_2": "ar_embedder.mlp.2",
    ]

    /// The published name of diffusers' name, and the place among the tensors that are stacked there. Unknown names stay
    /// as they are, and loading lists them.
    private static func published(_ name: String) -> (name: String, part: Int) {
        guard name != "scale_shift_table" else { return ("final_layer.scale_shift_table", 0) }
        guard let dot = name.lastIndex(of: ".") else { return (name, 0) }
        let (stem, kind) = (String(name[..<dot]), String(name[dot...]))
        if let other = otherNames[stem] { return (other + kind, 0) }
        let parts = stem.split(separator: ".", maxSplits: 2).map(String.init)
        if parts.count == 3, parts[0] == diffusersControl {
            return controlName(parts[1], String(parts[2]), kind) ?? (name, 0)
        }
        guard parts.count >= 2, parts[0] == "transformer_blocks" else { return (name, 0) }
        let block = "blocks.\(parts[1])"
        guard parts.count == 3 else { return (block + kind, 0) }
        guard let (inner, part) = blockNames[parts[2]] else { return (name, 0) }
        return ("\(block).\(inner)\(kind)", part)
    }

    /// The names of the other layout for the matrices of a checkpoint: those of diffusers for a published file, and the
    /// published ones for a directory of diffusers.
    static func otherLayerNames(_ source: any TensorSource) -> [String: [LayerPart]] {
        guard !areOfDiffusers(source) else {
            var names: [String: [LayerPart]] = [:]
            for (name, stored) in PixArtNames(source).stored where name.hasSuffix(".weight") {
                names[String(name.dropLast(".weight".count))] = stored.map {
                    LayerPart(tensor: $0, first: 0, count: source.shape(of: $0)?.first ?? 0)
                }
            }
            return names
        }
        func part(_ layer: String, _ place: Int, of count: Int) -> [LayerPart]? {
            guard let rows = source.shape(of: "\(layer).weight")?.first else { return nil }
            return [LayerPart(tensor: "\(layer).weight", first: place * (rows / count), count: rows / count)]
        }
        var names = otherNames.compactMapValues { part($0, 0, of: 1) }
        let depth = (try? source.blockCount(after: "blocks.")) ?? 0
        for (other, own) in blockNames {
            let count = blockNames.values.filter { $0.0 == own.0 }.count
            for block in 0..<depth {
                names["transformer_blocks.\(block).\(other)"] = part("blocks.\(block).\(own.0)", own.1, of: count)
            }
        }
        return names
    }

    /// The published name of a ControlNet's tensor; nil for names that it does not have.
    ///
    /// - Parameters:
    ///   - index: the number of the copied block.
    ///   - stem: the name below the copy, without its last part.
    ///   - kind: the last part with its dot.
    private static func controlName(_ index: String, _ stem: String, _ kind: String) -> (name: String, part: Int)? {
        let copy = "controlnet.\(index)"
        if stem == "before_proj" || stem == "after_proj" { return ("\(copy).\(stem)\(kind)", 0) }
        let parts = stem.split(separator: ".", maxSplits: 1).map(String.init)
        guard parts[0] == "transformer_block" else { return nil }
        guard parts.count == 2 else { return ("\(copy).copied_block\(kind)", 0) }
        return blockNames[parts[1]].map { ("\(copy).copied_block.\($0.0)\(kind)", $0.1) }
    }
}
