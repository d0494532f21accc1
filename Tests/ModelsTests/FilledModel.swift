import PixNerdTensors

@testable import PixNerdModels

extension PixNerd {
    /// A model whose parts that begin at zero have weights, too.
    static func filled(_ architecture: PixNerdArchitecture) -> PixNerd {
        let model = PixNerd(architecture, seed: 4)
        for (index, parameter) in model.parameters.enumerated() where parameter.value.values.allSatisfy({ $0 == 0 }) {
            parameter.value = scaled(
                Tensor.normal(parameter.value.shape) {
                    RandomStream(seed: 9, purpose: .test, step: index, index: $0)
                }, by: 0.1)
        }
        return model
    }
}
