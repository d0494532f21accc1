/// A matrix with about the singular vectors of x and singular values of about 1 (0.7 ... 1.2), by five steps of an
/// iteration of Newton and Schulz: X <- a X + (b A + c A A) X with A = X X^T, from X = x / |x|. (Jordan et al., "Muon: An
/// optimizer for hidden layers in neural networks", 2024, section on Newton-Schulz.)
///
/// A tall matrix is iterated as its transpose. A matrix of zeros stays one. Without a gradient.
///
/// - Parameter x: [rows, columns].
package func orthogonalized(_ x: Tensor) -> Tensor {
    OperatorProfile.begin("orthogonalized")
    defer { OperatorProfile.end() }
    precondition(x.shape.count == 2, "orthogonalized: \(x.shape) is not the shape of a matrix")
    let norm = sumOfSquares(.float32(x), count: x.count).squareRoot()
    let (short, long) = (min(x.shape[0], x.shape[1]), max(x.shape[0], x.shape[1]))
    var result = scaled(x.detached, by: Float(1 / max(norm, 1e-7)))
    let precision = Precision.ofProduct(rows: short, columns: short, inner: long)
    for _ in 0..<newtonSchulzSteps {
        result =
            switch precision {
            case .fp32: newtonSchulzStep(result, Float.self)
            case .bf16: newtonSchulzStep(result, BFloat16.self)
            }
    }
    return result
}

/// Number of iterations of `orthogonalized`.
package let newtonSchulzSteps = 5

private func newtonSchulzStep<Element: ProductFactor>(_ x: Tensor, _ type: Element.Type) -> Tensor {
    let (rows, columns) = (x.shape[0], x.shape[1])
    let isTall = rows > columns
    let (short, long) = (min(rows, columns), max(rows, columns))
    let plain = Factor(x.rounded(to: type), stride: columns)
    let transposed = Factor(plain.elements, stride: columns, isTransposed: true)
    let gram = Tensor(uninitialized: [short, short])
    add(isTall ? transposed : plain, isTall ? plain : transposed, inner: long, to: gram, beta: 0)
    let square = Tensor(uninitialized: [short, short])
    let gramFactor = Factor(gram.rounded(to: type), stride: short)
    add(gramFactor, gramFactor, inner: short, to: square, beta: 0)
    let polynomial = Factor(Tensor.combination(-4.7750, gram, 2.0315, square).rounded(to: type), stride: short)
    let result = scaled(x, by: 3.4445)
    // X X^T is symmetric, and so is the polynomial in it: it may stand on either side.
    add(isTall ? plain : polynomial, isTall ? polynomial : plain, inner: short, to: result, beta: 1)
    return result
}

/// A factor of a matmul that keeps its elements alive.
private struct Factor<Element: ProductFactor> {
    let elements: Rounded<Element>
    private let stride: Int
    private let isTransposed: Bool

    init(_ elements: Rounded<Element>, stride: Int, isTransposed: Bool = false) {
        (self.elements, self.stride, self.isTransposed) = (elements, stride, isTransposed)
    }

    var matrix: Matrix<Element> { elements.matrix(stride: stride, transposed: isTransposed) }
}

/// Computes out = a b + beta out on all threads.
private func add<Element: ProductFactor>(
    _ a: Factor<Element>, _ b: Factor<Element>, inner: Int, to out: Tensor, beta: Float
) {
    MatrixProduct.onAllThreads(
        rows: out.shape[0], columns: out.shape[1], inner: inner, a.matrix, b.matrix, beta: beta,
        into: out.storage.pointer, stride: out.shape[1])
}
