import PixNerdLayers

/// How the layers of published transformers begin, with biases of zero.
extension Linear {
    /// A layer whose weight is uniform after Xavier.
    static func xavier(_ scope: ParameterScope, inputs: Int, outputs: Int) -> Linear {
        beginning(scope, inputs: inputs, outputs: outputs, .xavierUniform(inputs: inputs, outputs: outputs))
    }

    /// A layer whose weight is normal with a standard deviation of 0.02.
    static func narrow(_ scope: ParameterScope, inputs: Int, outputs: Int) -> Linear {
        beginning(scope, inputs: inputs, outputs: outputs, .normal(standardDeviation: 0.02))
    }

    /// A layer that gives zero.
    static func zeros(_ scope: ParameterScope, inputs: Int, outputs: Int) -> Linear {
        beginning(scope, inputs: inputs, outputs: outputs, .zeros)
    }

    private static func beginning(
        _ scope: ParameterScope, inputs: Int, outputs: Int, _ weight: Initializer
    ) -> Linear {
        Linear(scope, inputs: inputs, outputs: outputs, weightInitializer: weight, biasInitializer: .zeros)
    }
}
