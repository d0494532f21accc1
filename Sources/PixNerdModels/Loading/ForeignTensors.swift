import PixNerdCheckpoints
import PixNerdSupport
import PixNerdTensors

/// What the tensors of a file look like that is no checkpoint of a known denoiser, to say so to whoever passed it.
enum ForeignTensors {
    /// Beginnings of tensors' names that show what a file is, the most telling ones first.
    private static let signs: [(name: String, likeness: String)] = [
        ("x_embedder.proj.", "a DiT or SiT"), ("final_layer.adaLN_modulation.", "a DiT or SiT"),
        ("adaln_single.", "a PixArt or a DiT of diffusers"), ("transformer_blocks.", "a transformer of diffusers"),
        ("double_blocks.", "FLUX.1"), ("joint_blocks.", "Stable Diffusion 3"),
        ("diffusion_model.", "Stable Diffusion"), ("model.diffusion_model.", "Stable Diffusion"),
        ("down_blocks.", "a U-Net of diffusers"), ("input_blocks.", "a U-Net"), ("enc.", "a U-Net of EDM"),
        ("encoder.down", "an autoencoder"), ("first_stage_model.", "an autoencoder"), ("decoder.", "an autoencoder"),
        ("Conv2d_1a_3x3.", "an Inception-v3"), ("features.", "a VGG"), ("net.slice1.", "LPIPS"), ("lin0.", "LPIPS"),
        ("layer1.0.conv1.", "a ResNet"), ("text_model.", "a CLIP"), ("visual.", "a CLIP"),
    ]

    /// The error for tensors that no known denoiser has.
    ///
    /// - Parameter kind: returns the kind of known denoiser that has tensors, named without a prefix; nil if none has.
    static func refusal(of source: any TensorSource, kind: (any TensorSource) -> String?) -> PixNerdError {
        func refusal(_ found: ErrorText, advice: ErrorText? = nil) -> PixNerdError {
            PixNerdError(.malformed, "\(source.origin)", found: "is not a PixNerd checkpoint: \(found)", advice: advice)
        }
        if DINOv2Architecture.isRecognised(in: source) { return refusal("its tensors look like those of a DINOv2") }
        if likeness(source.names) == nil, let prefix = commonPrefix(of: source.names) {
            let inner = TensorSubset(source, prefix: prefix)
            let known = kind(inner)
            let likeness = known ?? self.likeness(inner.names)
            return refusal(
                "the names of its tensors begin with \(prefix), which is no known prefix"
                    + (likeness.map { "; without it they look like those of \($0)" } ?? ""),
                advice: known.map { _ in "save them under names without \(prefix)" })
        }
        guard let likeness = likeness(source.names) else {
            return refusal("it lacks the tensor s_embedder.proj.weight")
        }
        return refusal("its tensors look like those of \(likeness), and it lacks s_embedder.proj.weight")
    }

    private static func likeness(_ names: [String]) -> String? {
        signs.first { sign in names.contains { $0.hasPrefix(sign.name) } }?.likeness
    }

    /// The first part of all names with its dot; nil if they differ in it or consist of it.
    private static func commonPrefix(of names: [String]) -> String? {
        guard let first = names.first, let dot = first.firstIndex(of: ".") else { return nil }
        let prefix = String(first[...dot])
        // Parts of networks themselves, which are no prefix.
        guard prefix != "blocks.", names.allSatisfy({ $0.hasPrefix(prefix) && $0.count > prefix.count }) else {
            return nil
        }
        return prefix
    }
}
