import CPixNerdKernels
import CPixNerdOneDNN
import Synchronization

/// oneDNN, where it is installed: products of bf16 factors. Looked for once, when it is first asked for.
final class OneDNN: Sendable {
    static let shared = OneDNN()

    private let status: pn_onednn_status
    /// Such as 2.6.3; nil where there is none.
    let version: String?
    private let products = Mutex<[Key: Product]>([:])

    private init() {
        var numbers: [Int32] = [0, 0, 0]
        status = pn_onednn_load(&numbers)
        version = status == pn_onednn_missing ? nil : numbers.map(String.init).joined(separator: ".")
        // Where it was measured.
        computesFloat32 = status == pn_onednn_ready && pn_processor_has_bfloat16()
    }

    /// Why bf16 cannot be computed here, in one sentence; nil where it can.
    var obstacle: String? {
        guard pn_processor_has_bfloat16() else {
            return
                "bf16 wants a processor with AVX-512 BF16 (AMD from Zen 4, Intel Xeon from Cooper Lake), and this one has "
                + "\(String(cString: pn_instruction_set())); use fp32."
        }
        guard let version else {
            return
                "bf16 wants oneDNN, and neither libdnnl.so.3 nor libdnnl.so.2 was found; install it (Debian and Ubuntu: "
                + "libdnnl2 or libdnnl3), or use fp32."
        }
        guard status == pn_onednn_ready else {
            return "bf16 wants oneDNN 2 or 3, and version \(version), which was found, could not be used; use fp32."
        }
        return nil
    }

    /// Whether float32 products of some sizes are left to oneDNN.
    ///
    /// That is a rule and not measured anew in each process, so that a run has the same bits each time.
    let computesFloat32: Bool
    /// In multiply-adds.
    static let float32Sizes = 1 << 20...1 << 26

    /// Whether a float32 product is faster than by OpenBLAS. Measured (see Benchmarks/README.md): by a tenth to a fifth for
    /// products of patches, heads and tiles of a convolution; very small ones and those of whole layers are not.
    func isFaster(_ shape: ProductShape) -> Bool {
        computesFloat32 && min(shape.rows, shape.columns, shape.inner) >= 64
            && Self.float32Sizes.contains(shape.rows * shape.columns * shape.inner)
    }

    /// Products of one shape and kind.
    private struct Key: Hashable {
        let shape: ProductShape
        let addsBias: Bool
        let takesBFloat16: Bool
    }

    /// `@unchecked Sendable`: it is never freed, and all threads may run it at once.
    private struct Product: @unchecked Sendable {
        let pointer: OpaquePointer
        /// Bytes of working memory.
        let workspace: Int
    }

    /// The product on the calling thread, of factors that are bf16 or else float32.
    func multiply(
        _ shape: ProductShape, _ a: UnsafeRawPointer, _ b: UnsafeRawPointer, bias: UnsafePointer<Float>?,
        into c: UnsafeMutableRawPointer, takesBFloat16: Bool
    ) {
        let key = Key(shape: shape, addsBias: bias != nil, takesBFloat16: takesBFloat16)
        let product = products.withLock { products in
            if let known = products[key] { return known }
            var description = pn_onednn_shape(
                rows: Int64(shape.rows), columns: Int64(shape.columns), inner: Int64(shape.inner),
                a_stride: Int64(shape.aStride), b_stride: Int64(shape.bStride), c_stride: Int64(shape.cStride),
                a_transposed: shape.aIsTransposed, b_transposed: shape.bIsTransposed, takes_bfloat16: takesBFloat16,
                gives_bfloat16: shape.roundsResult, accumulates: shape.accumulates, adds_bias: bias != nil)
            guard let pointer = pn_onednn_product_create(&description) else {
                fatalError("oneDNN \(version ?? "") has no product of this shape: \(shape)")
            }
            let product = Product(pointer: pointer, workspace: pn_onednn_product_scratchpad_size(pointer))
            products[key] = product
            return product
        }
        let isDone = withWorkspace(product.workspace / MemoryLayout<Float>.stride + 1) { workspace in
            pn_onednn_product_run(product.pointer, a, b, bias, c, workspace)
        }
        guard isDone else { fatalError("oneDNN failed in a product: \(shape)") }
    }
}
