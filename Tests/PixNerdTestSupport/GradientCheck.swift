import PixNerdTensors
import Testing

/// Compares an operator and its gradients with a fixture.
///
/// - Parameters:
///   - file: fixture with the inputs by name, `out`, `upstream`, and `grad.<input>`.
///   - inputs: the names of the differentiable inputs.
///   - body: computes the operator from them.
public func expectMatches(
    _ file: any TensorSource, inputs: [String], sourceLocation: SourceLocation = #_sourceLocation,
    _ body: ([String: Tensor]) throws -> Tensor
) throws {
    let parameters = try inputs.map { Parameter(name: $0, value: try file.tensor($0)) }
    func tensors() -> [String: Tensor] {
        Dictionary(uniqueKeysWithValues: parameters.map { ($0.name, $0.tensor) })
    }
    let out = try withGradient(upstream: file.tensor("upstream")) { try body(tensors()) }
    expectClose(out, try file.tensor("out"), .oneOperator, "out", sourceLocation: sourceLocation)
    for parameter in parameters {
        let expected = try file.tensor("grad.\(parameter.name)")
        guard let gradient = parameter.gradient else {
            Issue.record("\(parameter.name) got no gradient", sourceLocation: sourceLocation)
            continue
        }
        expectClose(gradient, expected, .oneOperator, "grad.\(parameter.name)", sourceLocation: sourceLocation)
    }
    try expectDerivative(parameters, sourceLocation: sourceLocation) { try body(tensors()) }
}

/// The worst relative difference between an operator's derivative and differences of its values.
///
/// For each parameter the derivative along a random direction is compared with a central difference of the result's
/// product with a random tensor, summed in double precision.
public func derivativeError(_ parameters: [Parameter], _ body: () throws -> Tensor) rethrows -> Double {
    var stream = RandomStream(seed: 1, purpose: .test)
    func random(_ shape: [Int]) -> Tensor {
        var tensor = Tensor(uninitialized: shape)
        tensor.withUnsafeMutableBuffer { stream.fillNormal($0) }
        return tensor
    }
    func product(_ a: Tensor, _ b: Tensor) -> Double {
        zip(a.values, b.values).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }
    for parameter in parameters { parameter.clearGradient() }
    let upstream = random(try body().shape)
    try withGradient(upstream: upstream, body)
    var worst = 0.0
    for parameter in parameters {
        let start = parameter.value
        let direction = random(start.shape)
        // Wide enough that float32 rounding of the results stays below the error of the difference itself.
        let step: Float = 1e-2
        func value(_ sign: Float) throws -> Double {
            parameter.value = Tensor.combination(1, start, sign * step, direction)
            defer { parameter.value = start }
            return product(try body(), upstream)
        }
        // Richardson's extrapolation removes the error of second order.
        let near = (try value(0.5) - value(-0.5)) / Double(step)
        let far = (try value(1) - value(-1)) / Double(2 * step)
        let expected = (4 * near - far) / 3
        let actual = parameter.gradient.map { product($0, direction) } ?? 0
        let scale = max(abs(expected), parameter.gradient.map { product($0, $0).squareRoot() } ?? 0, 1e-6)
        worst = max(worst, abs(actual - expected) / scale)
    }
    return worst
}

/// Fails if an operator's gradient does not match the differences of its values.
public func expectDerivative(
    _ parameters: [Parameter], sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Tensor
) rethrows {
    let error = try derivativeError(parameters, body)
    #expect(
        error < 2e-3, "float32 differences over a step of 1e-2 are good to about 1e-3", sourceLocation: sourceLocation)
}
