import Foundation
import PixNerdCheckpoints
import PixNerdModels
import PixNerdSupport
import PixNerdTensors

/// The files of a run that trains low-rank products: a directory in each step that peft reads, of the EMA, with the raw
/// products beside it.
extension DenoiserTask {
    /// The directory in that of a step.
    static let adapterFolder = LoRAFile.folderName

    private static func path(_ set: WeightSet, _ file: String, in directory: String) -> String {
        let name = if case .average = set { LoRAFile.peftName } else { file }
        return "\(directory)/\(adapterFolder)/\(name)"
    }

    /// What peft reads beside a LoRA.
    private struct PeftConfiguration: Encodable {
        let peftType = "LORA"
        let rank: Int
        let alpha: Float
        let dropout: Float
        let targets: [String]
        let isDoRA = false
        let takesRoot = false

        enum CodingKeys: String, CodingKey {
            case peftType = "peft_type"
            case rank = "r"
            case alpha = "lora_alpha"
            case dropout = "lora_dropout"
            case targets = "target_modules"
            case isDoRA = "use_dora"
            case takesRoot = "use_rslora"
        }
    }

    /// Writes the products of a set of weights; nothing if there are none.
    func saveAdapter(
        _ trained: [LateTensor], _ set: WeightSet, metadata: [String: String], to directory: String
    ) throws {
        let section = configuration.lora
        let tensors = part.adapterTensors(trained, alpha: section.alpha)
        guard !tensors.isEmpty else { return }
        try makeFolder("\(directory)/\(Self.adapterFolder)")
        try SafetensorsWriter.write(
            tensors.map { SafetensorsWriter.Item(name: $0.name, shape: $0.shape, tensor: $0.tensor) },
            metadata: ["step": metadata["step"] ?? ""], to: Self.path(set, fileName(set), in: directory))
        guard case .average = set else { return }
        try JSON.write(
            PeftConfiguration(
                rank: section.rank, alpha: section.alpha, dropout: section.dropout, targets: part.layers),
            to: "\(directory)/\(Self.adapterFolder)/\(LoRAConfiguration.fileName)")
    }

    /// The products of a set of weights that `saveAdapter` wrote; nil if it wrote none.
    ///
    /// - Throws: `PixNerdError` if the file cannot be read or is not as it was written.
    func adapter(_ set: WeightSet, in directory: String) throws -> (any TensorSource)? {
        let path = Self.path(set, fileName(set), in: directory)
        guard configuration.training.train == .lora, !part.layers.isEmpty else { return nil }
        let file = try SafetensorsFile(path: path)
        try file.checkFingerprint()
        return file
    }

    /// Sets the trained parameters to those of a saved step.
    ///
    /// - Throws: `PixNerdError` if the step lacks them, or was trained from other weights than `from` has now.
    func restore(_ saved: [Tensor], from directory: String) throws {
        let values = try part.trained(of: saved, adapter: adapter(.raw, in: directory))
        for (parameter, value) in zip(trained, values) { parameter.modify { $0 = value } }
        apply()
        for (parameter, value) in zip(parameters, saved) where !isNear(parameter.value, value) {
            throw PixNerdError(
                .mismatch, "\(directory)",
                found: "was trained from other weights than \(configuration.from) has now: \(parameter.name) differs",
                advice: "set from to the checkpoint that the run began with")
        }
    }

    private func isNear(_ a: Tensor, _ b: Tensor) -> Bool {
        guard a.shape == b.shape else { return false }
        var (difference, norm) = (0.0, 0.0)
        for (one, other) in zip(a.values, b.values) {
            difference += Double(one - other) * Double(one - other)
            norm += Double(other) * Double(other)
        }
        return difference <= 1e-8 * norm
    }
}
