/// The speed of matmuls on this machine at the moment.
public enum ProductRate {
    /// Matmuls of one shape.
    public typealias Products = (rows: Int, columns: Int, inner: Int, count: Int)

    /// Floating-point operations per second (two per multiply-add) of matmuls in the current precision, weighted by their
    /// counts.
    ///
    /// - Parameter least: The least number of operations in each of five measurements of a shape: enough for the
    ///   clock, and for the processor to reach its full speed.
    public static func measured(_ products: [Products], operations least: Double = 2e10) -> Double {
        var (operations, seconds) = (0.0, 0.0)
        for product in products {
            let a = Tensor(repeating: 0.5, shape: [product.rows, product.inner])
            let weight = Tensor(repeating: 0.25, shape: [product.columns, product.inner])
            let once = 2 * Double(product.rows) * Double(product.columns) * Double(product.inner)
            let calls = max(1, Int(least / once))
            let times = (0..<5).map { _ in
                ContinuousClock().measure { for _ in 0..<calls { _ = linear(a, weight: weight) } } / calls
            }
            operations += Double(product.count) * once
            seconds += Double(product.count) * (times.sorted()[2] / .seconds(1))
        }
        return operations / seconds
    }

    /// Floating-point operations per second of a matmul of 768 x 768 matrices in the current precision. It takes some
    /// hundredths of a second.
    public static func measured() -> Double { measured([(768, 768, 768, 1)], operations: 1e9) }
}
