import PixNerdDiffusion
import PixNerdLayers
import PixNerdTensors

/// A ControlNet: copies of the first transformer blocks of a denoiser, which see a picture beside the noisy tokens and
/// whose outputs are added to the tokens (ControlNet-Transformer; Chen et al., arXiv 2401.05252, section 3.2).
///
/// Copy i, counted from 0, runs before block i + 1. The first one sees the tokens after block 0; the others go on from the
/// copy before them. The layers before and after the copies begin at zero, so that a new ControlNet changes nothing.
struct ControlLayers<Block: Sendable>: Sendable {
    private struct Copy: Sendable {
        let block: Block
        let after: Linear
    }

    private let before: Linear
    private let copies: [Copy]

    /// - Parameters:
    ///   - copies: number of copied blocks; nil is returned for none.
    ///   - block: makes a copy from its scope and number.
    init?(_ root: ParameterScope, copies count: Int, width: Int, block: (ParameterScope, Int) -> Block) {
        guard count > 0 else { return nil }
        let scope = root / "controlnet"
        before = Linear.zeros(scope / 0 / "before_proj", inputs: width, outputs: width)
        copies = (0..<count).map { index in
            Copy(
                block: block(scope / index / "copied_block", index),
                after: Linear.zeros(scope / index / "after_proj", inputs: width, outputs: width))
        }
    }

    /// The pass of a batch through the copies; nil if there are no pictures or they do not act.
    ///
    /// - Parameters:
    ///   - times: the times of the images.
    ///   - embed: embeds the pictures as tokens, [B, N, D].
    func pass(_ pictures: ShownPictures?, at times: [Float], embed: (Tensor) -> Tensor) -> Pass? {
        guard let pictures, pictures.act(at: times) else { return nil }
        return Pass(layers: self, strength: pictures.strength, side: embed(pictures.tensor))
    }

    /// A batch on its way through the copies.
    struct Pass {
        fileprivate let layers: ControlLayers
        fileprivate let strength: Float
        /// The embedded pictures, then the output of the last copy that ran.
        fileprivate var side: Tensor

        /// The tokens that go into a block: with the output of the copy before it, if there is one.
        ///
        /// - Parameters:
        ///   - block: number of the block, from 0; each is asked for once, in order.
        ///   - run: runs a copy on tokens.
        mutating func added(to tokens: Tensor, beforeBlock block: Int, _ run: (Block, Tensor) -> Tensor) -> Tensor {
            guard (1...layers.copies.count).contains(block) else { return tokens }
            let copy = layers.copies[block - 1]
            side = run(copy.block, block == 1 ? sum(tokens, layers.before(side)) : side)
            let output = copy.after(side)
            return sum(tokens, strength == 1 ? output : scaled(output, by: strength))
        }
    }
}

/// The names of the weights of a ControlNet of this project's models.
enum ControlNames {
    static let copies = "controlnet."
    static let embedder = "control_embedder.proj"
    static let field = "control_field"

    /// Whether a weight is one of a ControlNet.
    static func areOfControl(_ name: String) -> Bool { [copies, embedder, field].contains(where: name.hasPrefix) }

    /// The weight of the denoiser that a weight of a new ControlNet is a copy of; nil for one that begins at zero.
    ///
    /// - Parameter denoiserEmbedder: the embedding of the denoiser's patches.
    static func original(of name: String, denoiserEmbedder: String) -> String? {
        if name.hasPrefix(embedder) { return denoiserEmbedder + name.dropFirst(embedder.count) }
        guard name.hasPrefix(copies) else { return nil }
        let parts = name.dropFirst(copies.count).split(separator: ".", maxSplits: 2)
        return parts.count == 3 && parts[1] == "copied_block" ? "blocks.\(parts[0]).\(parts[2])" : nil
    }
}
