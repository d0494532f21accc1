import CVectorKernels

/// The mean of (a - b)^2 over all elements; a gradient goes to `a` only.
///
/// - Returns: the mean, of shape [1], and the mean over each index along the first axis.
public func meanSquaredError(_ a: Tensor, target b: Tensor) -> (mean: Tensor, pictures: [Float]) {
    meanError("meanSquaredError", a, b, sum: sum_of_squared_differences) { count, scale, a, b, gradient in
        scaled_difference(count, 2 * scale, a, b, gradient)
    }
}

/// The mean of |a - b| over all elements; a gradient goes to `a` only.
///
/// - Returns: the mean, of shape [1], and the mean over each index along the first axis.
public func meanAbsoluteError(_ a: Tensor, target b: Tensor) -> (mean: Tensor, pictures: [Float]) {
    meanError(
        "meanAbsoluteError", a, b, sum: sum_of_absolute_differences, derivative: scaled_sign_of_difference)
}

/// The mean of a function of a - b over all elements.
///
/// - Parameters:
///   - sum: the sum of the function over so many elements of a and b.
///   - derivative: writes that of the sum by a, times a scale: (count, scale, a, b, gradient).
private func meanError(
    _ name: String, _ a: Tensor, _ b: Tensor,
    sum: (Int, UnsafePointer<Float>, UnsafePointer<Float>) -> Double,
    derivative: @escaping (Int, Float, UnsafePointer<Float>, UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Void
) -> (mean: Tensor, pictures: [Float]) {
    OperatorProfile.begin(name)
    defer { OperatorProfile.end() }
    precondition(a.shape == b.shape, "\(name): shapes \(a.shape) and \(b.shape) differ")
    let size = a.count / a.shape[0]
    var means = [Double](repeating: 0, count: a.shape[0])
    means.withUnsafeMutableBufferPointer { means in
        let target = means.baseAddress!
        parallelFor(a.shape[0]) { index in
            target[index] = sum(size, a.pointer + index * size, b.pointer + index * size) / Double(size)
        }
    }
    let mean = means.reduce(0, +) / Double(means.count)
    let loss = Tape.record(name, Tensor([Float(mean)], shape: [1]), from: [a]) { upstream in
        let gradient = Tensor(uninitialized: a.shape)
        let scale = Float(Double(upstream.scalar) / Double(a.count))
        parallelChunks(a.count, of: elementsPerChunk) { range in
            let at = range.lowerBound
            derivative(range.count, scale, a.pointer + at, b.pointer + at, gradient.storage.pointer + at)
        }
        a.node?.add(gradient)
    }
    return (loss, means.map { Float($0) })
}

/// x times a number.
public func scaled(_ x: Tensor, by factor: Float) -> Tensor {
    OperatorProfile.begin("scaled")
    defer { OperatorProfile.end() }
    func times(_ x: Tensor) -> Tensor {
        let out = Tensor(uninitialized: x.shape)
        parallelChunks(x.count, of: elementsPerChunk) { range in
            affine_forward(range.count, factor, 0, x.pointer + range.lowerBound, out.storage.pointer + range.lowerBound)
        }
        return out
    }
    return Tape.record("scaled", times(x), from: [x]) { upstream in x.node?.add(times(upstream)) }
}
