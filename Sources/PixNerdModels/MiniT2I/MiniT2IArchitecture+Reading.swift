import PixNerdCheckpoints
import PixNerdSupport
import PixNerdTensors

/// The tensors of a MiniT2I without the prefix that published files give all of them, and without those of published
/// files that have no effect: a time embedder and an embedder of pooled texts.
struct MiniT2ITensors: TensorSource {
    static let prefix = "model.net."
    private static let unused = ["t_embedder.", "pooled_embedder."]
    private let source: any TensorSource

    init(_ source: any TensorSource) {
        self.source =
            source.names.contains { $0.hasPrefix(Self.prefix) } ? TensorSubset(source, prefix: Self.prefix) : source
    }

    var origin: String { source.origin }
    var names: [String] { source.names.filter { name in !Self.unused.contains(where: name.hasPrefix) } }
    func shape(of name: String) -> [Int]? { source.shape(of: name) }
    func tensor(_ name: String) throws -> Tensor { try source.tensor(name) }
}

extension MiniT2IArchitecture {
    private static let firstWeight = "img_embedder.proj1.weight"
    /// Number of places of a text in the published models.
    private static let publishedTextLength = 256

    public static func recognizes(_ source: any TensorSource) -> Bool {
        MiniT2ITensors(source).shape(of: firstWeight) != nil
    }

    /// What no shape tells, from `config.json` or from a checkpoint of a run.
    private struct Settings: Decodable {
        var textLength: Int?
        var imageSide: Int?
        var steps: Int?
        var guidanceInterval: [Float]?

        typealias CodingKeys = MiniT2IArchitecture.CodingKeys

        init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            textLength = try values.decodeIfPresent(Int.self, forKey: .textLength)
            imageSide = try values.decodeIfPresent(Int.self, forKey: .imageSide)
            steps = try values.decodeIfPresent(Int.self, forKey: .steps)
            guidanceInterval = try values.decodeIfPresent([Float].self, forKey: .guidanceInterval)
        }
    }

    /// The names without the prefix of published files.
    public static func otherLayerNames(_ source: any TensorSource) -> [String: [LayerPart]] {
        let names = source.names.filter { $0.hasPrefix(MiniT2ITensors.prefix) && $0.hasSuffix(".weight") }
        return Dictionary(
            uniqueKeysWithValues: names.map { name in
                let layer = name.dropFirst(MiniT2ITensors.prefix.count).dropLast(".weight".count)
                return (
                    String(layer), [LayerPart(tensor: name, first: 0, count: source.shape(of: name)?.first ?? 0)]
                )
            })
    }

    public init(readFrom source: any TensorSource, metadata: [String: String], channels: Int?) throws {
        let tensors = MiniT2ITensors(source)
        func shape(_ name: String, _ axes: Int) throws -> [Int] {
            try tensors.shape(
                of: name, axes: axes,
                orElse: PixNerdError(
                    .malformed, "\(source.origin)", found: "is a MiniT2I that lacks the tensor \(name)",
                    advice: "use another copy of the checkpoint"))
        }
        func sizes(_ name: String, _ axes: Int, multiple: Int, of part: String) throws -> Int {
            let rows = try shape(name, axes)[0]
            guard rows % multiple == 0 else {
                throw PixNerdError(
                    .malformed, "\(source.origin): the tensor \(name)", found: "has \(rows) rows",
                    expected: "a multiple of \(multiple), \(part)")
            }
            return rows / multiple
        }
        let patches = try shape(Self.firstWeight, 4)
        guard patches[2] == patches[3] else {
            throw PixNerdError(
                .malformed, "\(source.origin): the tensor \(Self.firstWeight)", found: "has the shape \(patches)",
                expected: "square patches")
        }
        let block = "double_blocks.0."
        let headWidth = try shape(block + "q_norm.weight", 1)[0]
        let text = try shape("txt_embedder.weight", 2)
        try self.init(
            hiddenSize: text[0],
            heads: sizes(block + "img_qkv.weight", 2, multiple: 3 * headWidth, of: "three times the head's width"),
            headWidth: headWidth, doubleBlocks: tensors.blockCount(after: "double_blocks."),
            textBlocks: tensors.blockCount(after: "txt_preamble_blocks."),
            feedForwardWidth: shape(block + "img_mlp.w1.weight", 2)[0], patchSize: patches[2], channels: patches[1],
            bottleneck: patches[0], textWidth: text[1])
        // A checkpoint of a run has its own sizes beside those of the file that it began with.
        guard let json = metadata["architecture"] ?? metadata[DenoiserCheckpoint.configurationKey],
            let settings = JSON.value(Settings.self, from: json)
        else { return }
        textLength = settings.textLength ?? Self.publishedTextLength
        (imageSide, steps, guidanceInterval) = (settings.imageSide, settings.steps, settings.guidanceInterval)
        try validate()
    }
}
