import CPixNerdKernels

/// Mean squared error over all elements. Only `a` gets a gradient.
///
/// - Returns: the mean, of shape [1], and the mean for each index along the first axis.
public func meanSquaredError(_ a: Tensor, target b: Tensor) -> (mean: Tensor, pictures: [Float]) {
    meanError("meanSquaredError", a, b, sum: pn_sum_of_squared_differences) { count, scale, a, b, gradient in
        pn_scaled_difference(count, 2 * scale, a, b, gradient)
    }
}

/// Mean absolute error over all elements. Only `a` gets a gradient.
///
/// - Returns: the mean, of shape [1], and the mean for each index along the first axis.
public func meanAbsoluteError(_ a: Tensor, target b: Tensor) -> (mean: Tensor, pictures: [Float]) {
    meanError(
        "meanAbsoluteError", a, b, sum: pn_sum_of_absolute_differences, derivative: pn_scaled_sign_of_difference)
}

/// Mean of a function of a - b over all elements.
///
/// - Parameters:
///   - sum: computes the sum of the function over `count` elements of a and b.
///   - derivative: writes the derivative of the sum with respect to a, times a scale: (count, scale, a, b, gradient).
private func meanError(
    _ name: String, _ a: Tensor, _ b: Tensor,
    sum: (Int, UnsafePointer<Float>, UnsafePointer<Float>) -> Double,
    derivative: @escaping (Int, Float, UnsafePointer<Float>, UnsafePointer<Float>, UnsafeMutablePointer<Float>) -> Void
) -> (mean: Tensor, pictures: [Float]) {
    OperatorProfile.begin(name)
    defer { OperatorProfile.end() }
    precondition(a.shape == b.shape, "\(name): shapes \(a.shape) and \(b.shape) differ")
    let size = a.count / a.shape[0]
    let (mean, pictures) = meanOverPictures(a.shape[0]) { index in
        sum(size, a.pointer + index * size, b.pointer + index * size) / Double(size)
    }
    let loss = Tape.record(name, mean, from: [a]) { upstream in
        let gradient = Tensor(uninitialized: a.shape)
        let scale = Float(Double(upstream.scalar) / Double(a.count))
        parallelChunks(a.count, of: elementsPerChunk) { range in
            let at = range.lowerBound
            derivative(range.count, scale, a.pointer + at, b.pointer + at, gradient.storage.pointer + at)
        }
        a.node?.add(gradient)
    }
    return (loss, pictures)
}

/// Mean of 1 - cosine between rows of D elements, over all rows. Only `a` gets a gradient.
///
/// A norm below epsilon counts as epsilon, but is differentiated like any other norm, as in
/// `torch.nn.functional.cosine_similarity`.
///
/// - Parameters:
///   - a: [B, ..., D].
///   - b: a tensor of the shape of a.
/// - Returns: the mean, of shape [1], and the mean for each index along the first axis.
public func meanCosineDistance(
    _ a: Tensor, target b: Tensor, epsilon: Float = 1e-8
) -> (mean: Tensor, pictures: [Float]) {
    OperatorProfile.begin("meanCosineDistance")
    defer { OperatorProfile.end() }
    precondition(
        a.shape == b.shape && a.shape.count >= 2, "meanCosineDistance: shapes \(a.shape) and \(b.shape) do not fit")
    let (size, width) = (a.count / a.shape[0], a.shape.last!)
    let (mean, pictures) = meanOverPictures(a.shape[0]) { index in
        let rows = size / width
        return pn_cosine_distances(rows, width, epsilon, a.pointer + index * size, b.pointer + index * size)
            / Double(rows)
    }
    let loss = Tape.record("meanCosineDistance", mean, from: [a]) { upstream in
        let gradient = Tensor(uninitialized: a.shape)
        let rows = a.count / width
        let scale = upstream.scalar / Float(rows)
        parallelChunks(rows, of: max(1, elementsPerChunk / width)) { range in
            let at = range.lowerBound * width
            pn_cosine_distances_backward(
                range.count, width, epsilon, scale, a.pointer + at, b.pointer + at, gradient.storage.pointer + at)
        }
        a.node?.add(gradient)
    }
    return (loss, pictures)
}

/// Values per image, computed in parallel, and their mean of shape [1].
func meanOverPictures(_ count: Int, _ value: (Int) -> Double) -> (mean: Tensor, pictures: [Float]) {
    var values = [Double](repeating: 0, count: count)
    values.withUnsafeMutableBufferPointer { values in
        let target = values.baseAddress!
        parallelFor(count) { target[$0] = value($0) }
    }
    return (Tensor([Float(values.reduce(0, +) / Double(count))], shape: [1]), values.map { Float($0) })
}
