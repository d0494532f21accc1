/// The name of a tensor of a LoRA, taken apart.
struct LoRAName: Hashable {
    enum Part: Hashable {
        /// The factor that a layer's input meets first, [rank, in] (A).
        case down
        /// The factor that gives a layer's output, [out, rank] (B).
        case up
        /// What the product is multiplied by, before it is divided by the rank.
        case alpha
    }

    /// How programs spell the names of a file, which decides what a missing alpha means.
    enum Spelling: Hashable {
        /// peft and PixArt's trainer, which keep alpha in a configuration beside the file.
        case peft
        case diffusers
        /// kohya's sd-scripts: dots are written as underscores, and alpha is a tensor.
        case kohya
    }

    /// The layer without prefixes, such as `blocks.0.attn.qkv`; with underscores in kohya's spelling.
    let layer: String
    let part: Part
    let spelling: Spelling

    private static let endings: [(text: String, part: Part)] = [
        (".lora_A.weight", .down), (".lora_A.default.weight", .down), (".lora_down.weight", .down),
        (".lora.down.weight", .down), (".lora_B.weight", .up), (".lora_B.default.weight", .up),
        (".lora_up.weight", .up), (".lora.up.weight", .up), (".alpha", .alpha),
    ]
    private static let prefixes = [
        "base_model.model.", "transformer.", "unet.", "model.diffusion_model.", "diffusion_model.",
    ]
    private static let kohyaPrefixes = ["lora_transformer_", "lora_unet_"]

    /// Parts of names that only other kinds of adapters have, and those kinds.
    private static let others: [(part: String, kind: String)] = [
        ("lora_magnitude_vector", "a DoRA"), ("dora_scale", "a DoRA"), ("hada_w", "a LoHa"), ("lokr_w", "a LoKr"),
        ("lora_mid", "a LoCon with three factors"), ("oft_", "an OFT"), ("lora_embedding_", "a LoRA of an embedding"),
        ("lora_B.bias", "a LoRA with biases"), (".diff", "whole differences of weights"),
    ]

    /// Nil if it is no name of a LoRA's tensor.
    init?(_ name: String) {
        guard let ending = Self.endings.first(where: { name.hasSuffix($0.text) }) else { return nil }
        part = ending.part
        let stem = String(name.dropLast(ending.text.count))
        if let prefix = Self.kohyaPrefixes.first(where: stem.hasPrefix) {
            (layer, spelling) = (String(stem.dropFirst(prefix.count)), .kohya)
            return
        }
        var rest = Substring(stem)
        while let prefix = Self.prefixes.first(where: { rest.hasPrefix($0) }) { rest = rest.dropFirst(prefix.count) }
        layer = String(rest)
        spelling = stem.contains("base_model.model.") ? .peft : .diffusers
    }

    /// The kind of adapter that tensors are of, if it is another one than a plain LoRA; nil if no name says so.
    static func otherKind(_ names: [String]) -> String? {
        others.first { other in names.contains { $0.contains(other.part) } }?.kind
    }
}
