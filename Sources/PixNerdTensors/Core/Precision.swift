import CPixNerdKernels
import PixNerdSupport

/// The type that the inputs of large matmuls are rounded to. Sums are accumulated in float32, and everything else is
/// float32.
public enum Precision: String, Sendable, CaseIterable {
    case fp32
    /// bfloat16, rounded to nearest even. Computed by `TileProduct`; on processors without tiles by oneDNN and, without
    /// gradients, by `PackedWeight`.
    case bf16
    /// For sampling: linear layers multiply in int8, with weights rounded per output and activations per row, and the
    /// rest runs as in bf16. Matmuls that need a gradient, small ones and those that generate the weights of a field are
    /// not in int8.
    case int8

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
        if self != .fp32, let obstacle = OneDNN.shared.obstacle { throw obstacle }
        guard self != .int8 || pn_kernels_have_int8() else {
            throw PixNerdError(
                .unsupported, "int8",
                found: "needs a processor with AVX-512 VNNI or AMX, and this one has "
                    + "\(String(cString: pn_instruction_set()))", advice: "use bf16")
        }
    }

    /// Runs `body` in this precision. Derivatives of operators recorded in it use the same precision.
    ///
    /// - Throws: `PixNerdError` if this machine cannot compute in this precision; any error that `body` throws.
    public func callAsFunction<R>(_ body: () throws -> R) throws -> R {
        try check()
        return try Self.$current.withValue(self, operation: body)
    }

    /// The type of the inputs of matmuls and of what is kept for derivatives.
    var type: MatmulType { self == .fp32 ? .fp32 : .bf16 }

    /// The type of the inputs of a matmul: fp32 if the matmul is too small to gain from another. With few rows it is
    /// limited by memory bandwidth.
    static func ofProduct(rows: Int, columns: Int, inner: Int) -> MatmulType {
        min(rows, columns) >= 16 && rows * columns * inner >= 1 << 18 ? current.type : .fp32
    }

    /// Whether an operator's result [rows, width], which a linear layer of about the same width reads, is stored in bf16
    /// only. The layer would round it to the same bits.
    static func roundsResults(rows: Int, width: Int) -> Bool {
        TileProduct.isUsed && ofProduct(rows: rows, columns: width, inner: width) == .bf16
    }
}

/// The type of the inputs of an operator's matmuls. Linear layers may round them further, to int8.
enum MatmulType: Sendable {
    case fp32, bf16
}
