import PixNerdCheckpoints
import PixNerdSupport

extension DenoiserCheckpoint {
    /// The conversion of the checkpoint to a single file.
    ///
    /// - Parameters:
    ///   - kind: Weights to write as a state dict without a prefix, with adapters merged into them; nil to write all
    ///     tensors as they are under their names.
    ///   - type: Type of the floating-point tensors in the new file; nil to keep the type of each.
    /// - Throws: `PixNerdError` if the checkpoint does not hold these weights.
    public func conversion(_ kind: WeightKind?, type: ElementType?) throws -> CheckpointConversion {
        var conversion = CheckpointConversion(type: type)
        var changed: AdaptedTensors?
        if let kind {
            let tensors = try tensors(kind)
            if !adapters.isEmpty { changed = try adapted(tensors, architecture(kind)) }
        }
        for file in files {
            try conversion.add(
                file, prefix: isBare ? "" : kind?.prefix ?? "",
                changing: changed.map { changed in (changed.changed, changed.adapted) })
        }
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
