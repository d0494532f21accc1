import Foundation
import PixNerdSupport
import PixNerdTensors

/// The sizes of a DINOv2 (Oquab et al., arXiv 2304.07193), and the naming of its tensors.
public struct DINOv2Architecture: Sendable, Equatable, Codable {
    /// The naming of a file's tensors.
    public enum Naming: String, Sendable, Codable {
        /// Names of the published `.pth` files, such as `blocks.0.attn.qkv.weight`.
        case hub = "torch hub"
        /// Names of transformers, such as `encoder.layer.0.attention.attention.query.weight`.
        case transformers

        /// Name of the class token.
        var classToken: String { self == .hub ? "cls_token" : "embeddings.cls_token" }
        var patchEmbedding: String { self == .hub ? "patch_embed.proj" : "embeddings.patch_embeddings.projection" }
        var positions: String { self == .hub ? "pos_embed" : "embeddings.position_embeddings" }
        var registers: String { self == .hub ? "register_tokens" : "embeddings.register_tokens" }
        var maskToken: String { self == .hub ? "mask_token" : "embeddings.mask_token" }
        var finalNorm: String { self == .hub ? "norm" : "layernorm" }
        var blocks: String { self == .hub ? "blocks" : "encoder.layer" }
        /// Name within a block of the bias that shows whether attention has biases.
        var keyBias: String { self == .hub ? "attn.qkv.bias" : "attention.attention.key.bias" }
        var attentionOutput: String { self == .hub ? "attn.proj" : "attention.output.dense" }
        var gatedInput: String { self == .hub ? "mlp.w12" : "mlp.weights_in" }
        var gatedOutput: String { self == .hub ? "mlp.w3" : "mlp.weights_out" }
        func layerScale(_ number: Int) -> (scope: String, name: String) {
            self == .hub ? ("ls\(number)", "gamma") : ("layer_scale\(number)", "lambda1")
        }
    }

    /// The resampling of position embeddings to a grid other than the trained one.
    public enum PositionResampling: String, Sendable, Codable {
        /// By the scale (rows + 0.1) / trained rows, without antialiasing: torch.hub's models without registers.
        case offset = "bicubic by torch.hub's scale with an offset of 0.1"
        /// To the exact size, without antialiasing: transformers' models without registers.
        case size = "bicubic to the size, as transformers does it"
        /// To the exact size, with antialiasing: models with registers, in torch.hub and transformers.
        case antialiased = "antialiased bicubic to the size, as models with registers do it"
    }

    /// Width D of the tokens.
    public let width: Int
    public let depth: Int
    public let heads: Int
    /// Side of a patch in pixels.
    public let patchSize: Int
    /// Side of the trained grid, in patches, for which the file has position embeddings.
    public let gridSize: Int
    /// Number of register tokens (Darcet et al., arXiv 2309.16588); 0 for none.
    public let registers: Int
    /// Hidden width of the feed-forward layers.
    public let feedForwardWidth: Int
    /// Whether the feed-forward layers are SwiGLU (ViT-g) and not GELU.
    public let isGated: Bool
    public let naming: Naming
    let hasAttentionBias: Bool

    enum CodingKeys: String, CodingKey {
        case width, depth, heads, registers, naming
        case patchSize = "patch_size"
        case gridSize = "grid_size"
        case feedForwardWidth = "feed_forward_width"
        case isGated = "gated"
        case hasAttentionBias = "qkv_bias"
    }

    /// Name of the size, such as "ViT-B/14", or "ViT/14" for an unpublished size.
    public var name: String {
        let letters = [384: "-S", 768: "-B", 1024: "-L", 1536: "-g"]
        let isPublished = [384: 12, 768: 12, 1024: 24, 1536: 40][width] == depth
        return "ViT\(isPublished ? letters[width] ?? "" : "")/\(patchSize)" + (registers > 0 ? " with registers" : "")
    }

    public var positionResampling: PositionResampling {
        registers > 0 ? .antialiased : naming == .hub ? .offset : .size
    }

    /// Number of parameters of a model of these sizes, without the mask token.
    public var parameterCount: Int {
        let attention = 4 * width * width + (hasAttentionBias ? 4 : 1) * width
        let inputs = isGated ? 2 * feedForwardWidth : feedForwardWidth
        let feedForward = inputs * (width + 1) + width * (feedForwardWidth + 1)
        let embedding = width * (3 * patchSize * patchSize + 1) + (1 + gridSize * gridSize + 1 + registers) * width
        return depth * (attention + feedForward + 6 * width) + embedding + 2 * width
    }

    /// Multiply-adds for one image, whose size is given in patches, or the largest `Int`.
    public func multiplyAdds(rows: Int, columns: Int) -> Int {
        func checked(_ value: Int) -> CheckedInt { CheckedInt(value) }
        let patches = checked(rows) * checked(columns)
        let tokens = patches + checked(1 + registers)
        let linear = checked(4 * width * width + (isGated ? 3 : 2) * width * feedForwardWidth)
        let block = tokens * linear + 2 * tokens * tokens * checked(width)
        return (patches * checked(3 * patchSize * patchSize * width) + checked(depth) * block).clamped
    }

    /// Whether the tensors of a source have the names of a DINOv2.
    public static func isRecognised(in source: any TensorSource) -> Bool { naming(of: source) != nil }

    private static func naming(of source: any TensorSource) -> Naming? {
        [Naming.hub, .transformers].first { naming in
            source.shape(of: naming.positions) != nil && source.shape(of: naming.patchEmbedding + ".weight") != nil
        }
    }

    /// Creates an architecture with the given sizes, for benchmarks.
    ///
    /// - Precondition: `width` is a multiple of `heads`.
    public init(width: Int, depth: Int, heads: Int, patchSize: Int = 14, gridSize: Int = 37, registers: Int = 0) {
        precondition(width % heads == 0, "DINOv2Architecture: \(heads) heads do not divide a width of \(width)")
        (self.width, self.depth, self.heads) = (width, depth, heads)
        (self.patchSize, self.gridSize, self.registers) = (patchSize, gridSize, registers)
        feedForwardWidth = 4 * width
        isGated = false
        naming = .hub
        hasAttentionBias = true
    }

    /// Infers the sizes from the names and shapes of a file's tensors.
    ///
    /// - Parameters:
    ///   - source: the tensors.
    ///   - heads: number of attention heads; nil for heads of width 64, as in all published models.
    /// - Throws: `PixNerdError` that names the missing or invalid tensor.
    public init(readFrom source: any TensorSource, heads: Int? = nil) throws {
        guard let naming = Self.naming(of: source) else {
            throw PixNerdError(
                .mismatch, "\(source.origin)", found: "is not a DINOv2",
                expected: "the tensors pos_embed and patch_embed.proj.weight (torch hub), or "
                    + "embeddings.position_embeddings and embeddings.patch_embeddings.projection.weight (transformers)")
        }
        func shape(_ name: String, _ axes: Int) throws -> [Int] {
            try source.shape(
                of: name, axes: axes,
                orElse: PixNerdError(.mismatch, "\(source.origin)", found: "lacks the tensor \(name) of a DINOv2"))
        }
        let patch = try shape(naming.patchEmbedding + ".weight", 4)
        let positions = try shape(naming.positions, 3)
        guard patch[1] == 3, patch[2] == patch[3] else {
            throw PixNerdError(
                .mismatch, "\(source.origin): the tensor \(naming.patchEmbedding).weight",
                found: "has the shape \(patch)", expected: "square patches of 3 channels")
        }
        let grid = Int(Double(positions[1] - 1).squareRoot().rounded())
        guard grid > 0, grid * grid + 1 == positions[1] else {
            throw PixNerdError(
                .mismatch, "\(source.origin): the tensor \(naming.positions)", found: "has the shape \(positions)",
                expected: "positions of a class token and a square grid")
        }
        let prefix = naming.blocks + "."
        let gated = "\(prefix)0.\(naming.gatedInput).weight"
        isGated = source.shape(of: gated) != nil
        feedForwardWidth = try isGated ? shape(gated, 2)[0] / 2 : shape("\(prefix)0.mlp.fc1.weight", 2)[0]
        width = patch[0]
        depth = try source.blockCount(after: prefix)
        patchSize = patch[2]
        gridSize = grid
        registers = source.shape(of: naming.registers) == nil ? 0 : try shape(naming.registers, 3)[1]
        hasAttentionBias = source.shape(of: "\(prefix)0.\(naming.keyBias)") != nil
        self.naming = naming
        for (name, value, most) in [
            ("width", width, SizeLimits.width), ("depth", depth, SizeLimits.blocks),
            ("patch", patchSize, SizeLimits.patch),
            ("grid", gridSize, SizeLimits.side), ("number of registers", registers, SizeLimits.width),
            ("width of the feed-forward layers", feedForwardWidth, 4 * SizeLimits.width),
        ] where value > most {
            throw PixNerdError(
                .mismatch, "\(source.origin):", found: "the \(name) is \(value)", expected: "at most \(most)")
        }
        guard heads != nil || width % 64 == 0 else {
            throw PixNerdError(
                .mismatch, "\(source.origin)",
                found: "does not reveal its number of attention heads, as its width \(width) is not a multiple of 64, "
                    + "the width of a head in published models",
                advice: "set the number with \(Setting.heads), or with repa.heads")
        }
        self.heads = heads ?? width / 64
        guard self.heads > 0, width % self.heads == 0 else {
            throw PixNerdError(
                .invalidValue, "\(source.origin):",
                found: "\(self.heads) attention heads do not divide its width \(width)")
        }
    }
}
