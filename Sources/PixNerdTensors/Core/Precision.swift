import CPixNerdKernels
import PixNerdSupport

/// What the factors of large products are rounded to. Products are summed up in float32, and everything else is float32.
public enum Precision: String, Sendable, CaseIterable {
    case fp32
    /// bfloat16, to the nearest, and to the even one of two that are as near; by oneDNN and, without gradients, `PackedWeight`.
    case bf16

    @TaskLocal package static var current = Precision.fp32

    /// Whether products in bf16 that need no gradient are computed by kernels of our own, from weights that are packed once: on
    /// processors that multiply vectors. Those that multiply whole tiles (AMX) do more in oneDNN's.
    @TaskLocal package static var packsWeights =
        pn_processor_has_bfloat16() && !pn_processor_has_bfloat16_tiles()

    /// That this machine multiplies matrices in this precision.
    ///
    /// - Throws: `MatrixLibraryError` where there is no library for it; `PrecisionError`.
    public func check() throws {
        _ = try MatrixLibrary.shared.get()
        if self == .bf16, let obstacle = OneDNN.shared.obstacle { throw PrecisionError(description: obstacle) }
    }

    /// Computes `body` in this precision; the derivatives of what is recorded in it are computed so, too.
    ///
    /// - Throws: `MatrixLibraryError` or `PrecisionError` where this machine cannot; what `body` throws.
    public func callAsFunction<R>(_ body: () throws -> R) throws -> R {
        try check()
        return try Self.$current.withValue(self, operation: body)
    }

    /// The current precision, or fp32 where a product is too small to gain: with few rows it only waits for memory.
    static func ofProduct(rows: Int, columns: Int, inner: Int) -> Precision {
        current == .bf16 && min(rows, columns) >= 16 && rows * columns * inner >= 1 << 18 ? .bf16 : .fp32
    }
}
