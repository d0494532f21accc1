import PixNerdDiffusion
import PixNerdLayers
import PixNerdSupport
import PixNerdTensors

extension PixNerdArchitecture {
    /// The model that the ControlNet controls.
    var withoutControl: PixNerdArchitecture {
        var base = self
        (base.controlBlocks, base.controlsFields) = (0, false)
        return base
    }
}

extension PixNerd {
    /// A trained model with a new ControlNet, which begins without an effect.
    ///
    /// The copies begin as the blocks of the model, the embedding of pictures as that of noisy patches, and the layers
    /// around the copies at zero. The model itself is frozen.
    ///
    /// - Parameters:
    ///   - architecture: The sizes of the model, with a ControlNet.
    ///   - base: The model, without a ControlNet.
    /// - Throws: `PixNerdError` if the sizes differ.
    public convenience init(
        _ architecture: PixNerdArchitecture, controlling base: PixNerd, recomputesBlocks: Bool = false
    ) throws {
        guard architecture.controlBlocks > 0, architecture.withoutControl == base.architecture else {
            throw PixNerdError(
                .mismatch, "The model with a ControlNet",
                found: "has other sizes than the one that it is to control: "
                    + "\(architecture.summary.joined(separator: " ")); "
                    + "\(base.architecture.summary.joined(separator: " "))",
                advice: "set the same sizes in its model section")
        }
        // All weights are copies or zeros, so the seed has no effect.
        self.init(architecture, seed: 0, recomputesBlocks: recomputesBlocks)
        let known = Dictionary(
            uniqueKeysWithValues: (base.parameters + base.constants).map { ($0.name, $0.value) })
        for constant in constants { constant.modify { $0 = known[constant.name]! } }
        let embedder = architecture.head == .field ? "s_embedder.proj" : "x_embedder.proj"
        for parameter in parameters {
            guard let source = ControlNames.original(of: parameter.name, denoiserEmbedder: embedder) else { continue }
            parameter.modify { $0 = known[source]! }
        }
    }
}
