import PixNerdCheckpoints
import PixNerdSupport

extension DenoiserCheckpoint {
    /// The conversion of the checkpoint to a single file.
    ///
    /// - Parameters:
    ///   - kind: Weights to write as a state dict without a prefix; nil to write all tensors under their names.
    ///   - type: Type of the floating-point tensors in the new file; nil to keep the type of each.
    /// - Throws: `PixNerdError` if the checkpoint does not hold these weights.
    public func conversion(_ kind: WeightKind?, type: ElementType?) throws -> CheckpointConversion {
        var conversion = CheckpointConversion(type: type)
        if let kind { _ = try tensors(kind) }
        for file in files { try conversion.add(file, prefix: isBare ? "" : kind?.prefix ?? "") }
        guard !conversion.isEmpty else {
            throw PixNerdError(.malformed, "\(path)", found: "holds no tensors that can be read")
        }
        return conversion
    }

    /// The metadata, with the architecture added if it can be inferred from the tensors.
    public var describedMetadata: [String: String] {
        var described = metadata
        for kind in WeightKind.allCases where described["architecture"] == nil {
            guard let json = try? JSON.text(architecture(kind)) else { continue }
            described["architecture"] = json
        }
        return described
    }
}
