import CVectorKernels

/// The mean of (a - b)^2 over all elements; a gradient goes to `a` only.
///
/// - Returns: a tensor of shape [1].
public func meanSquaredError(_ a: Tensor, target b: Tensor) -> Tensor {
    OperatorProfile.begin("meanSquaredError")
    defer { OperatorProfile.end() }
    precondition(a.shape == b.shape, "meanSquaredError: shapes \(a.shape) and \(b.shape) differ")
    let mean = sum_of_squared_differences(a.count, a.pointer, b.pointer) / Double(a.count)
    return Tape.record("meanSquaredError", Tensor([Float(mean)], shape: [1]), from: [a]) { upstream in
        let gradient = Tensor(uninitialized: a.shape)
        let scale = Float(2 * Double(upstream.scalar) / Double(a.count))
        parallelChunks(a.count, of: elementsPerChunk) { range in
            let at = range.lowerBound
            scaled_difference(
                range.count, scale, a.pointer + at, b.pointer + at, gradient.storage.pointer + at)
        }
        a.node?.add(gradient)
    }
}
