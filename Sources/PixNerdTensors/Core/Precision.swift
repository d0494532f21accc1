import CPixNerdKernels
import PixNerdSupport

/// The type that the inputs of large matmuls are rounded to. Sums are accumulated in float32, and everything else is
/// float32.
public enum Precision: String, Sendable, CaseIterable {
    case fp32
    /// bfloat16, rounded to nearest even. Computed by `TileProduct`; on processors without tiles by oneDNN and, without
    /// gradients, by `PackedWeight`.
    case bf16

    /// The precision of the operators that the current task runs. Threads of `parallelFor` do not see it: read it
    /// before.
    @TaskLocal package static var current = Precision.fp32

    /// Whether bf16 matmuls that need no gradient run on this package's own kernels, with weights that are packed once.
    /// True on processors with bf16 vector instructions whose kernels PIXNERD_ISA leaves on.
    @TaskLocal package static var packsWeights = pn_kernels_have_bfloat16()

    /// Checks that this machine can compute matmuls in this precision.
    ///
    /// - Throws: `PixNerdError` if there is no BLAS library, or no oneDNN or suitable processor for bf16.
    public func check() throws {
        _ = try MatrixLibrary.shared.get()
        if self == .bf16, let obstacle = OneDNN.shared.obstacle { throw obstacle }
    }

    /// Runs `body` in this precision. Derivatives of operators recorded in it use the same precision.
    ///
    /// - Throws: `PixNerdError` if this machine cannot compute in this precision; any error that `body` throws.
    public func callAsFunction<R>(_ body: () throws -> R) throws -> R {
        try check()
        return try Self.$current.withValue(self, operation: body)
    }

    /// The precision of a matmul: the current one, or fp32 if the matmul is too small to gain. With few rows it is
    /// limited by memory bandwidth.
    static func ofProduct(rows: Int, columns: Int, inner: Int) -> Precision {
        current == .bf16 && min(rows, columns) >= 16 && rows * columns * inner >= 1 << 18 ? .bf16 : .fp32
    }
}
