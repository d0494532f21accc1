import PixNerdCheckpoints
import PixNerdSupport
import PixNerdTensors

extension DenoiserCheckpoint {
    /// The tensors that a model is loaded from: those of the checkpoint, with its adapters merged into them.
    ///
    /// - Throws: `PixNerdError` if an adapter is for another model.
    func modelTensors(_ kind: WeightKind, _ architecture: any DenoiserArchitecture) throws -> any TensorSource {
        let tensors = try tensors(kind)
        return adapters.isEmpty ? tensors : try adapted(tensors, architecture)
    }

    func adapted(_ tensors: any TensorSource, _ architecture: any DenoiserArchitecture) throws -> AdaptedTensors {
        try AdaptedTensors(tensors, adapters, others: type(of: architecture).otherLayerNames(tensors))
    }

    /// What had to be assumed about the adapters, each as a sentence without a full stop.
    public var adapterRemarks: [String] { adapters.compactMap(\.file.remark) }
}
