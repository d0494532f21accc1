import PixNerdLayers
import PixNerdTensors

/// A projector from a denoiser's tokens to an encoder's features: three linear layers with SiLU between them (Yu et
/// al., arXiv 2410.06940, section 3.2).
public struct Projector: Sendable {
    /// Parameters under the published names, `proj.0.0.weight` and so on.
    public let parameters: [Parameter]
    private let layers: [Linear]

    /// Width of the tokens.
    public var inputs: Int { layers[0].weight.value.shape[1] }
    public var hidden: Int { layers[0].weight.value.shape[0] }
    /// Width of the features.
    public var outputs: Int { layers[2].weight.value.shape[0] }
    public var parameterCount: Int { parameters.reduce(0) { $0 + $1.value.count } }

    /// Number of weights of a projector with these widths.
    public static func parameterCount(inputs: Int, hidden: Int, outputs: Int) -> Int {
        (inputs + 1) * hidden + (hidden + 1) * hidden + (hidden + 1) * outputs
    }

    /// A projector with fresh weights.
    ///
    /// - Parameter place: number of the run's parameters that were drawn from the seed before.
    public init(inputs: Int, hidden: Int, outputs: Int, seed: UInt64, after place: Int) {
        // Initialisation never throws; only loading does.
        try! self.init(.initialize(seed: seed, after: place), inputs: inputs, hidden: hidden, outputs: outputs)
    }

    /// A projector with the weights of a checkpoint.
    ///
    /// - Parameter source: tensors under the published names, without `diffusion_trainer.`.
    /// - Throws: `CheckpointMismatch` with all missing, unexpected and misshapen tensors.
    public init(loading source: any TensorSource) throws {
        func side(_ layer: Int, _ side: Int) -> Int {
            // Loading reports tensors that are missing or have another rank.
            source.shape(of: "proj.0.\(layer).weight").flatMap { $0.count == 2 ? max($0[side], 1) : nil } ?? 1
        }
        try self.init(.load(source), inputs: side(0, 1), hidden: side(0, 0), outputs: side(4, 0))
    }

    private init(_ source: ParameterStore.Source, inputs: Int, hidden: Int, outputs: Int) throws {
        (layers, parameters) = try ParameterStore.build(source) { root in
            let scope = root / "proj" / 0
            let layers = [
                Linear(scope / 0, inputs: inputs, outputs: hidden), Linear(scope / 2, inputs: hidden, outputs: hidden),
                Linear(scope / 4, inputs: hidden, outputs: outputs),
            ]
            return (layers, root.parameters)
        }
    }

    /// Projects tokens, [B, N, D] to [B, N, E].
    public func callAsFunction(_ tokens: Tensor) -> Tensor {
        layers[2](silu(layers[1](silu(layers[0](tokens)))))
    }
}
