import Foundation
import PixNerdSupport
import PixNerdTensors

/// The sizes of a DINOv2 (Oquab et al., arXiv 2304.07193), and whose names its tensors have.
public struct DINOv2Architecture: Sendable, Equatable, Codable {
    /// Whose names a file's tensors have.
    public enum Naming: String, Sendable, Codable {
        /// `blocks.0.attn.qkv.weight`: the published `.pth` files.
        case hub = "torch hub"
        /// `encoder.layer.0.attention.attention.query.weight`.
        case transformers

        /// The class token by its name in such a file.
        var classToken: String { self == .hub ? "cls_token" : "embeddings.cls_token" }
        var patchEmbedding: String { self == .hub ? "patch_embed.proj" : "embeddings.patch_embeddings.projection" }
        var positions: String { self == .hub ? "pos_embed" : "embeddings.position_embeddings" }
        var registers: String { self == .hub ? "register_tokens" : "embeddings.register_tokens" }
        var maskToken: String { self == .hub ? "mask_token" : "embeddings.mask_token" }
        var finalNorm: String { self == .hub ? "norm" : "layernorm" }
        var blocks: String { self == .hub ? "blocks" : "encoder.layer" }
        /// Names inside a block.
        var keyBias: String { self == .hub ? "attn.qkv.bias" : "attention.attention.key.bias" }
        var attentionOutput: String { self == .hub ? "attn.proj" : "attention.output.dense" }
        var gatedInput: String { self == .hub ? "mlp.w12" : "mlp.weights_in" }
        var gatedOutput: String { self == .hub ? "mlp.w3" : "mlp.weights_out" }
        func layerScale(_ number: Int) -> (scope: String, name: String) {
            self == .hub ? ("ls\(number)", "gamma") : ("layer_scale\(number)", "lambda1")
        }
    }

    /// How position embeddings come to another grid than that of their training.
    public enum PositionResampling: String, Sendable, Codable {
        /// By a scale of (rows + 0.1) / trained rows, without antialiasing: torch.hub's models without registers.
        case offset = "bicubic by torch.hub's scale with an offset of 0.1"
        /// To the size, without antialiasing: transformers' models without registers.
        case size = "bicubic to the size, as transformers does it"
        /// To the size, with antialiasing: models with registers, in both.
        case antialiased = "antialiased bicubic to the size, as models with registers do it"
    }

    /// D, the width of the tokens.
    public let width: Int
    public let depth: Int
    public let heads: Int
    /// The side of a patch in pixels.
    public let patchSize: Int
    /// The side of the grid of patches that there are position embeddings for.
    public let gridSize: Int
    /// Register tokens (Darcet et al., arXiv 2309.16588); 0 for none.
    public let registers: Int
    /// The inner width of the feed-forward layers.
    public let feedForwardWidth: Int
    /// Whether those are gated (SwiGLU, in ViT-g) and not GELU.
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

    /// Such as "ViT-B/14"; "ViT/14" for sizes that were not published.
    public var name: String {
        let letters = [384: "-S", 768: "-B", 1024: "-L", 1536: "-g"]
        let isPublished = [384: 12, 768: 12, 1024: 24, 1536: 40][width] == depth
        return "ViT\(isPublished ? letters[width] ?? "" : "")/\(patchSize)" + (registers > 0 ? " with registers" : "")
    }

    public var positionResampling: PositionResampling {
        registers > 0 ? .antialiased : naming == .hub ? .offset : .size
    }

    /// How many parameters a model of these sizes has, without the mask token.
    public var parameterCount: Int {
        let attention = 4 * width * width + (hasAttentionBias ? 4 : 1) * width
        let inputs = isGated ? 2 * feedForwardWidth : feedForwardWidth
        let feedForward = inputs * (width + 1) + width * (feedForwardWidth + 1)
        let embedding = width * (3 * patchSize * patchSize + 1) + (1 + gridSize * gridSize + 1 + registers) * width
        return depth * (attention + feedForward + 6 * width) + embedding + 2 * width
    }

    /// Multiply-adds for one picture of a grid of patches.
    public func multiplyAdds(rows: Int, columns: Int) -> Int {
        let patches = rows * columns
        let tokens = patches + 1 + registers
        let linear = 4 * width * width + (isGated ? 3 : 2) * width * feedForwardWidth
        let block = tokens * linear + 2 * tokens * tokens * width
        return patches * 3 * patchSize * patchSize * width + depth * block
    }

    /// Whether a source's tensors have the names of a DINOv2.
    public static func isRecognised(in source: any TensorSource) -> Bool { naming(of: source) != nil }

    private static func naming(of source: any TensorSource) -> Naming? {
        [Naming.hub, .transformers].first { naming in
            source.shape(of: naming.positions) != nil && source.shape(of: naming.patchEmbedding + ".weight") != nil
        }
    }

    /// Sizes that are set, not read: for benchmarks.
    ///
    /// - Precondition: heads divide the width.
    public init(width: Int, depth: Int, heads: Int, patchSize: Int = 14, gridSize: Int = 37, registers: Int = 0) {
        precondition(width % heads == 0, "DINOv2Architecture: \(heads) heads do not divide a width of \(width)")
        (self.width, self.depth, self.heads) = (width, depth, heads)
        (self.patchSize, self.gridSize, self.registers) = (patchSize, gridSize, registers)
        feedForwardWidth = 4 * width
        isGated = false
        naming = .hub
        hasAttentionBias = true
    }

    /// Reads the sizes off the names and shapes of a file's tensors.
    ///
    /// - Parameter heads: how many there are where that is known; nil for heads of 64, as in all published models.
    /// - Throws: `ArchitectureError` naming the tensor that is missing or makes no sense.
    public init(readFrom source: any TensorSource, heads: Int? = nil) throws {
        func refuse(_ reason: String) -> ArchitectureError {
            ArchitectureError(description: "\(source.origin): \(reason)")
        }
        guard let naming = Self.naming(of: source) else {
            throw ArchitectureError(
                description: "\(source.origin) is not a DINOv2: it has neither pos_embed and patch_embed.proj.weight "
                    + "(torch hub) nor embeddings.position_embeddings and "
                    + "embeddings.patch_embeddings.projection.weight (transformers).")
        }
        func shape(_ name: String, _ rank: Int) throws -> [Int] {
            guard let shape = source.shape(of: name) else { throw refuse("a DINOv2 needs the tensor \(name).") }
            guard shape.count == rank, !shape.contains(0) else {
                throw refuse("the tensor \(name) has the shape \(shape), not \(rank) sides.")
            }
            return shape
        }
        let patch = try shape(naming.patchEmbedding + ".weight", 4)
        let positions = try shape(naming.positions, 3)
        guard patch[1] == 3, patch[2] == patch[3] else {
            throw refuse(
                "\(naming.patchEmbedding).weight of shape \(patch) does not read square patches of three channels.")
        }
        let grid = Int(Double(positions[1] - 1).squareRoot().rounded())
        guard grid > 0, grid * grid + 1 == positions[1] else {
            throw refuse("\(naming.positions) of shape \(positions) is not of a square grid and a class token.")
        }
        let prefix = naming.blocks + "."
        let numbers = source.names.compactMap { name -> Int? in
            guard name.hasPrefix(prefix) else { return nil }
            return name.dropFirst(prefix.count).split(separator: ".").first.flatMap { Int($0) }
        }
        let gated = "\(prefix)0.\(naming.gatedInput).weight"
        isGated = source.shape(of: gated) != nil
        feedForwardWidth = try isGated ? shape(gated, 2)[0] / 2 : shape("\(prefix)0.mlp.fc1.weight", 2)[0]
        width = patch[0]
        depth = (numbers.max() ?? -1) + 1
        patchSize = patch[2]
        gridSize = grid
        registers = source.shape(of: naming.registers) == nil ? 0 : try shape(naming.registers, 3)[1]
        hasAttentionBias = source.shape(of: "\(prefix)0.\(naming.keyBias)") != nil
        self.naming = naming
        guard heads != nil || width % 64 == 0 else {
            throw refuse(
                "its tensors do not say how many attention heads it has, and its width of \(width) is no multiple of 64, "
                    + "the width of a head in published models; give the number by --heads, or by repa.heads.")
        }
        self.heads = heads ?? width / 64
        guard self.heads > 0, width % self.heads == 0 else {
            throw refuse("\(self.heads) attention heads do not divide its width of \(width).")
        }
    }
}
