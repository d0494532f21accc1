/// alpha x + beta y with factors for each image, that is for each index along the first axis.
///
/// - Parameters:
///   - alpha: B factors of x.
///   - x: [B, ...].
///   - beta: B factors of y.
///   - y: the shape of x.
/// - Returns: the shape of x.
public func weightedSum(_ alpha: [Float], _ x: Tensor, _ beta: [Float], _ y: Tensor) -> Tensor {
    OperatorProfile.begin("weightedSum")
    defer { OperatorProfile.end() }
    return Tape.record("weightedSum", Tensor.combination(alpha, x, beta, y), from: [x, y]) { upstream in
        let nothing = [Float](repeating: 0, count: alpha.count)
        for (factors, node) in [(alpha, x.node), (beta, y.node)] {
            node?.add(Tensor.combination(factors, upstream, nothing, upstream))
        }
    }
}
