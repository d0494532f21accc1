import Foundation
import PixNerdCheckpoints
import PixNerdSupport
import PixNerdTensors

/// A LoRA on disk (Hu et al., arXiv 2106.09685): for each of some matrices of a model a product of two narrow ones that
/// is added to it.
///
/// A file of peft, of diffusers, of PixArt's trainer or of kohya's sd-scripts; or a directory of the first two. Alpha is
/// that of the file, or else of the `adapter_config.json` beside it.
public struct LoRAFile: Sendable {
    /// The product for one layer.
    struct Layer: Sendable {
        /// The layer's name, in kohya's spelling with underscores.
        let name: String
        /// [rank, in]
        let down: Tensor
        /// [out, rank]
        let up: Tensor
        /// The factor of the product: alpha / rank, or alpha / sqrt(rank).
        let scale: Float

        var rank: Int { down.shape[0] }
    }

    public let path: String
    /// `Fingerprint` of the file.
    public let fingerprint: String
    let layers: [Layer]
    /// Whether layers have underscores in the place of dots.
    let hasUnderscores: Bool
    /// What had to be assumed, as a sentence without a full stop; nil for nothing.
    public let remark: String?

    /// The names that peft and diffusers give the file of a directory.
    private static let fileNames = [peftName, "pytorch_lora_weights.safetensors"]
    package static let peftName = "adapter_model.safetensors"

    /// Reads a LoRA.
    ///
    /// - Throws: `PixNerdError` if it cannot be read, or is another kind of adapter.
    public init(path asked: String) throws {
        let path = try Self.file(at: asked)
        let file = try TensorFile.open(path: path)
        self.path = path
        fingerprint = try Fingerprint.text(ofFile: path)
        if let kind = LoRAName.otherKind(file.names) {
            throw PixNerdError(
                .unsupported, "\(path)", found: "holds \(kind), which is not supported", expected: "a plain LoRA")
        }
        var parts: [String: [LoRAName: String]] = [:]
        var order: [String] = []
        for name in file.names {
            guard let known = LoRAName(name) else {
                throw PixNerdError(
                    .malformed, "\(path)", found: "is no LoRA: it holds the tensor \(name)",
                    expected:
                        "names that end in lora_A.weight and lora_B.weight, or lora_down.weight and lora_up.weight")
            }
            if parts[known.layer] == nil { order.append(known.layer) }
            parts[known.layer, default: [:]][known] = name
        }
        guard let first = parts.values.first?.keys.first else {
            throw PixNerdError(.malformed, "\(path)", found: "holds no tensors")
        }
        let spelling = first.spelling
        let (alphas, pairs) = try Self.tensors(file, order, parts)
        let config = try LoRAConfiguration(beside: path, ranks: pairs.map(\.down.shape[0]))
        var isAssumed = false
        layers = pairs.map { layer in
            let rank = Float(layer.down.shape[0])
            let alpha: Float
            if let own = alphas[layer.name] {
                alpha = own
            } else if let told = config?.alpha(layer.name) {
                alpha = told
            } else {
                isAssumed = true
                alpha = spelling == .peft ? LoRAConfiguration.usualAlpha : rank
            }
            let scale = config?.takesRoot == true ? alpha / rank.squareRoot() : alpha / rank
            return Layer(name: layer.name, down: layer.down, up: layer.up, scale: scale)
        }
        hasUnderscores = spelling == .kohya
        let assumed = spelling == .peft ? "8, as peft takes it" : "the rank, as diffusers takes it"
        remark =
            isAssumed
            ? "\(path) does not say its alpha, and there is no adapter_config.json of it beside it: alpha is taken as "
                + assumed : nil
    }

    /// The folder of a step that holds its LoRA.
    package static let folderName = "lora"

    /// The file at a path: a file, its folder, or a step or a run that trained one.
    private static func file(at path: String) throws -> String {
        guard isFolder(path) == true else { return path }
        let folders = ["", "/\(folderName)", "/latest/\(folderName)"]
        let files = folders.flatMap { folder in fileNames.map { "\(path)\(folder)/\($0)" } }
        guard let file = files.first(where: { isFolder($0) == false }) else {
            throw PixNerdError(
                .notFound, "\(path)", found: "holds no LoRA",
                expected: "a file \(fileNames.joined(separator: " or ")), or a run that trained one")
        }
        return file
    }

    /// The alphas and the two factors of each layer.
    private static func tensors(
        _ file: TensorFile, _ order: [String], _ parts: [String: [LoRAName: String]]
    ) throws -> (alphas: [String: Float], pairs: [(name: String, down: Tensor, up: Tensor)]) {
        var alphas: [String: Float] = [:]
        let pairs = try order.map { layer in
            func tensor(_ part: LoRAName.Part) throws -> Tensor? {
                try parts[layer]?.first { $0.key.part == part }.map { try file.tensor($0.value) }
            }
            if let alpha = try tensor(.alpha)?.values.first { alphas[layer] = alpha }
            guard let down = try tensor(.down), let up = try tensor(.up) else {
                throw PixNerdError(
                    .malformed, "\(file.path)", found: "lacks one of the two factors of \(layer)",
                    advice: "use another copy of it")
            }
            // Factors of convolutions have axes of 1 behind the others.
            guard down.shape.count >= 2, up.shape.count >= 2, up.shape[1] == down.shape[0],
                up.shape.dropFirst(2).allSatisfy({ $0 == 1 })
            else {
                throw PixNerdError(
                    .malformed, "\(file.path)",
                    found: "has factors of the shapes \(down.shape) and \(up.shape) for \(layer)",
                    expected: "[rank, in] and [out, rank]")
            }
            guard down.isFinite, up.isFinite, alphas[layer]?.isFinite != false else {
                throw PixNerdError(
                    .notFinite, "\(file.path):", found: "the factors or the alpha of \(layer) are not finite",
                    advice: "use an earlier save of it")
            }
            return (layer, down, up)
        }
        return (alphas, pairs)
    }
}
