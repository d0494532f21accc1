import Foundation
import PixNerdDiffusion
import PixNerdSupport
import PixNerdTensors

extension PixArtArchitecture {
    private static let likeness = "is not a PixNerd checkpoint: its tensors have the names of a PixArt"

    public static func recognizes(_ source: any TensorSource) -> Bool {
        let names = PixArtNames(source)
        return ["t_block.1.weight", "x_embedder.proj.weight", "y_embedder.y_proj.fc1.weight"].allSatisfy {
            names.shape(of: $0) != nil
        }
    }

    public static func otherLayerNames(_ source: any TensorSource) -> [String: [LayerPart]] {
        PixArtNames.otherLayerNames(source)
    }

    /// The keys of a `config.json` of diffusers that tensors do not reveal.
    private struct Configuration: Decodable {
        var heads: Int?
        var sampleSize: Int?
        var interpolation: Double?
        var takesSizes: Bool?

        enum CodingKeys: String, CodingKey {
            case heads = "num_attention_heads"
            case sampleSize = "sample_size"
            case interpolation = "interpolation_scale"
            case takesSizes = "use_additional_conditions"
        }
    }

    public init(readFrom source: any TensorSource, metadata: [String: String], channels: Int?) throws {
        let names = PixArtNames(source)
        func shape(_ name: String, _ axes: Int) throws -> [Int] {
            try names.shape(
                of: name, axes: axes,
                orElse: PixNerdError(
                    .malformed, "\(source.origin)", found: "\(Self.likeness), and it lacks the tensor \(name)"))
        }
        let recorded = metadata["architecture"].flatMap { JSON.value(Self.self, from: $0) }
        let configuration = metadata[DenoiserCheckpoint.configurationKey].flatMap {
            JSON.value(Configuration.self, from: $0)
        }
        let patches = try shape("x_embedder.proj.weight", 4)
        let (width, channels, patch) = (patches[0], patches[1], patches[2])
        guard patches[3] == patch else {
            throw PixNerdError(
                .malformed, "\(source.origin):", found: "patches have \(patch) x \(patches[3]) pixels",
                expected: "square patches")
        }
        let outputs = try shape("final_layer.linear.weight", 2)[0]
        let plain = channels * patch * patch
        guard outputs == plain || outputs == 2 * plain else {
            throw PixNerdError(
                .malformed, "\(source.origin):", found: "the last layer has \(outputs) rows",
                expected: "\(plain), or \(2 * plain) with a learned variance")
        }
        let empty = names.shape(of: "y_embedder.y_embedding")
        let depth = try names.blockCount(after: "blocks.")
        let compressed = (0..<depth).filter { names.shape(of: "blocks.\($0).attn.sr.weight") != nil }
        let squares = compressed.first.flatMap { names.shape(of: "blocks.\($0).attn.sr.weight") }
        let places = try Self.places(source, configuration, recorded)
        try self.init(
            hiddenSize: width,
            heads: Self.heads(width, recorded?.heads ?? configuration?.heads, metadata, source.origin), depth: depth,
            patchSize: patch, channels: channels, textWidth: shape("y_embedder.y_proj.fc1.weight", 2)[1],
            textLength: empty?.first ?? recorded?.textLength ?? Self.textLength(metadata),
            hasEmptyRows: empty != nil, learnsSigma: outputs == 2 * plain, baseGrid: places.base,
            interpolation: places.interpolation,
            takesSizes: names.shape(of: "csize_embedder.mlp.0.weight") != nil,
            compression: squares?.last ?? 1, compressedBlocks: compressed,
            normalizesKeys: names.shape(of: "blocks.0.attn.q_norm.weight") != nil,
            controlBlocks: try names.blockCount(after: "controlnet."))
    }

    /// The number of heads: what is said beside the tensors, or that of the published width.
    private static func heads(
        _ width: Int, _ recorded: Int?, _ metadata: [String: String], _ origin: String
    ) throws -> Int {
        if let heads = recorded ?? metadata["num_heads"].flatMap({ Int($0) }) { return heads }
        // Deeper and wider models of others keep the width of a head.
        guard width % 72 == 0 else {
            throw PixNerdError(
                .notFound, "\(origin)",
                found: "does not say how many attention heads it has, and its width \(width) is not a multiple of 72, "
                    + "as that of the published models",
                advice: "save a number num_heads next to the weights with torch.save, or give it with "
                    + "\(Setting.heads) where a command has it")
        }
        return width / 72
    }

    /// The base of the grid of positions and the number that they are divided by: what is said beside the tensors, or
    /// read off the stored positions.
    private static func places(
        _ source: any TensorSource, _ configuration: Configuration?, _ recorded: PixArtArchitecture?
    ) throws -> (base: Int, interpolation: Double) {
        if let recorded { return (recorded.baseGrid, recorded.interpolation) }
        if let size = configuration?.sampleSize {
            let usual = Double(max(size / 64, 1))
            return (size / 2, configuration?.interpolation ?? usual)
        }
        guard let shape = source.shape(of: "pos_embed"), shape.count == 3, shape[2] % 4 == 0, shape[2] > 0 else {
            throw PixNerdError(
                .notFound, "\(source.origin)",
                found: "holds no pos_embed [1, N, D] and no config.json is beside it, so that the scale of its "
                    + "positions is not known",
                advice: "use the published .pth file, or the whole directory of diffusers")
        }
        let base = Int(Double(shape[1]).squareRoot().rounded())
        guard base * base == shape[1] else {
            throw PixNerdError(
                .malformed, "\(source.origin):", found: "pos_embed has \(shape[1]) positions",
                expected: "a square grid")
        }
        guard base > 1 else { return (base, 1) }
        // The second position lies one column to the right; its first angle is that of rate 1.
        let positions = try source.tensor("pos_embed")
        let second = positions.reshaped([shape[1], shape[2]]).rows(1..<2).values
        let (sine, cosine) = (second[0], second[shape[2] / 4])
        let angle = atan2(Double(sine), Double(cosine))
        guard angle > 0, angle.isFinite else {
            throw PixNerdError(
                .malformed, "\(source.origin):", found: "the first columns of pos_embed lie \(angle) apart",
                expected: "a positive distance, such as 1 or 0.5")
        }
        // Published are 0.5, 1, 2 and 4; float32 keeps 6 digits of them.
        return (base, (1 / angle * 1e4).rounded() / 1e4)
    }

    /// Most tokens of a text of the family; diffusers' files do not say it, and what is not known to be alpha may be Sigma.
    private static func textLength(_ metadata: [String: String]) -> Int {
        (PixArtFamily(metadata: metadata) ?? .sigma).textLength
    }
}
