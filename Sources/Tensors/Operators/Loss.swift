import CVectorKernels

/// The mean of (a - b)^2 over all elements; a gradient goes to `a` only.
///
/// - Returns: the mean, of shape [1], and the mean over each index along the first axis.
public func meanSquaredError(_ a: Tensor, target b: Tensor) -> (mean: Tensor, pictures: [Float]) {
    OperatorProfile.begin("meanSquaredError")
    defer { OperatorProfile.end() }
    precondition(a.shape == b.shape, "meanSquaredError: shapes \(a.shape) and \(b.shape) differ")
    let size = a.count / a.shape[0]
    var means = [Double](repeating: 0, count: a.shape[0])
    means.withUnsafeMutableBufferPointer { means in
        let target = means.baseAddress!
        parallelFor(a.shape[0]) { index in
            target[index] =
                sum_of_squared_differences(size, a.pointer + index * size, b.pointer + index * size) / Double(size)
        }
    }
    let mean = means.reduce(0, +) / Double(means.count)
    let loss = Tape.record("meanSquaredError", Tensor([Float(mean)], shape: [1]), from: [a]) { upstream in
        let gradient = Tensor(uninitialized: a.shape)
        let scale = Float(2 * Double(upstream.scalar) / Double(a.count))
        parallelChunks(a.count, of: elementsPerChunk) { range in
            let at = range.lowerBound
            scaled_difference(
                range.count, scale, a.pointer + at, b.pointer + at, gradient.storage.pointer + at)
        }
        a.node?.add(gradient)
    }
    return (loss, means.map { Float($0) })
}
