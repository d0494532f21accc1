import Foundation
import PixNerdSupport
import PixNerdTensors

extension DiTArchitecture {
    /// Heads of the published sizes S, B, L and XL, by token width. Their files do not say it.
    private static let publishedHeads = [384: 6, 768: 12, 1024: 16, 1152: 16]

    /// What a file with the names of a DiT is, as the middle of a sentence.
    private static let likeness =
        "is not a PixNerd checkpoint: its tensors have the names of a DiT (those of a SiT are the same)"

    public static func recognizes(_ source: any TensorSource) -> Bool {
        ["pos_embed", "x_embedder.proj.weight", "blocks.0.mlp.fc1.weight"].allSatisfy {
            source.shape(of: $0) != nil
        }
    }

    public init(readFrom source: any TensorSource, metadata: [String: String], channels: Int?) throws {
        func shape(_ name: String, _ axes: Int) throws -> [Int] {
            try source.shape(
                of: name, axes: axes,
                orElse: PixNerdError(
                    .malformed, "\(source.origin)", found: "\(Self.likeness): it lacks the tensor \(name)"))
        }
        let patches = try shape("x_embedder.proj.weight", 4)
        let (width, channels, patch) = (patches[0], patches[1], patches[2])
        let tokens = try shape("pos_embed", 3)[1]
        let grid = Int(Double(tokens).squareRoot().rounded())
        guard grid * grid == tokens, patches[3] == patch else {
            throw PixNerdError(
                .malformed, "\(source.origin):",
                found: "pos_embed has \(tokens) positions and patches have \(patch) x \(patches[3]) pixels",
                expected: "a square grid of square patches")
        }
        let outputs = try shape("final_layer.linear.weight", 2)[0]
        let plain = channels * patch * patch
        guard outputs == plain || outputs == 2 * plain else {
            throw PixNerdError(
                .malformed, "\(source.origin):", found: "final_layer.linear.weight has \(outputs) rows",
                expected: "\(plain), or \(2 * plain) with a learned variance")
        }
        try self.init(
            hiddenSize: width, heads: Self.heads(width: width, metadata, source.origin),
            depth: source.blockCount(after: "blocks."), patchSize: patch, channels: channels,
            classes: shape("y_embedder.embedding_table.weight", 2)[0] - 1, inputSize: grid * patch,
            learnsSigma: outputs == 2 * plain)
    }

    /// The number of heads: what the file says beside the tensors, or that of the published size.
    private static func heads(width: Int, _ metadata: [String: String], _ origin: String) throws -> Int {
        let recorded = metadata["architecture"].flatMap { JSON.value(Self.self, from: $0)?.heads }
        if let heads = recorded ?? metadata[CodingKeys.heads.rawValue].flatMap({ Int($0) }) { return heads }
        guard let heads = publishedHeads[width] else {
            throw PixNerdError(
                .notFound, "\(origin)",
                found:
                    "\(likeness), and does not say how many heads it has: \(width) is not the width of a published DiT",
                expected: "a number num_heads next to the weights",
                advice: "save {\"model\": ..., \"num_heads\": ...} with torch.save")
        }
        return heads
    }
}
