import CPixNerdKernels
import CPixNerdOneDNN
import Foundation
import PixNerdSupport
import Synchronization

/// oneDNN, if it is installed: matmuls with bf16 inputs, and some in float32. It is looked up once, on first use.
final class OneDNN: Sendable {
    static let shared = OneDNN()

    private let status: pn_onednn_status
    /// Version such as 2.6.3; nil if oneDNN was not found.
    let version: String?
    /// The file that the user names, if any.
    private static var asked: String? {
        ProcessInfo.processInfo.environment["PIXNERD_ONEDNN"].flatMap { $0.isEmpty ? nil : $0 }
    }

    private let products = Mutex<[Key: Product]>([:])

    private init() {
        var numbers: [Int32] = [0, 0, 0]
        status = pn_onednn_load(&numbers)
        version = status == pn_onednn_missing ? nil : numbers.map(String.init).joined(separator: ".")
        // The processors on which it was measured.
        computesFloat32 = status == pn_onednn_ready && pn_processor_has_bfloat16()
    }

    /// Reason why bf16 is unavailable on this machine; nil if it is available.
    var obstacle: PixNerdError? {
        guard pn_processor_has_bfloat16() else {
            return PixNerdError(
                .unsupported, "bf16",
                found: "needs a processor with AVX-512 BF16 (AMD from Zen 4, Intel Xeon from Cooper Lake), and this "
                    + "one has \(String(cString: pn_instruction_set()))",
                advice: "use fp32")
        }
        if TileProduct.isUsed { return nil }
        guard let version else {
            return PixNerdError(
                .unsupported, "bf16",
                found: Self.asked.map { "needs oneDNN, and PIXNERD_ONEDNN is \($0), which cannot be loaded" }
                    ?? "needs oneDNN, and neither libdnnl.so.3 nor libdnnl.so.2 was found",
                advice: "install it (Debian and Ubuntu: libdnnl2 or libdnnl3), set PIXNERD_ONEDNN to its file, or use "
                    + "fp32")
        }
        guard status == pn_onednn_ready else {
            return PixNerdError(
                .unsupported, "bf16",
                found: "needs oneDNN 2 or 3, and version \(version), which was found, cannot be used",
                advice: "use fp32")
        }
        return nil
    }

    /// Whether oneDNN computes float32 matmuls of some sizes.
    ///
    /// This is a fixed rule, not measured anew in each process, so that a run has the same bits each time.
    let computesFloat32: Bool
    /// Sizes of the float32 matmuls that oneDNN computes, in multiply-adds.
    static let float32Sizes = 1 << 20...1 << 26

    /// Whether oneDNN is faster than OpenBLAS for a float32 matmul. Measured (see Benchmarks/README.md): 10 to 20 %
    /// faster for patches, attention heads and convolution tiles, but not for very small matmuls and those of whole
    /// layers.
    func isFaster(_ shape: ProductShape) -> Bool {
        computesFloat32 && min(shape.rows, shape.columns, shape.inner) >= 64
            && Self.float32Sizes.contains(shape.rows * shape.columns * shape.inner)
    }

    /// The shape and kind of a compiled matmul.
    private struct Key: Hashable {
        let shape: ProductShape
        let addsBias: Bool
        let takesBFloat16: Bool
    }

    /// A matmul compiled by oneDNN.
    ///
    /// `@unchecked Sendable`: it is never freed, and all threads may run it at once.
    private struct Product: @unchecked Sendable {
        let pointer: OpaquePointer
        /// Bytes of scratch memory that it needs.
        let workspace: Int
    }

    /// Computes a matmul on the calling thread. Both inputs are bf16, or both are float32.
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
                fatalError("oneDNN \(version ?? "") does not support a matmul of this shape: \(shape)")
            }
            let product = Product(pointer: pointer, workspace: pn_onednn_product_scratchpad_size(pointer))
            products[key] = product
            return product
        }
        let isDone = withWorkspace(product.workspace / MemoryLayout<Float>.stride + 1) { workspace in
            pn_onednn_product_run(product.pointer, a, b, bias, c, workspace)
        }
        guard isDone else { fatalError("oneDNN failed in a matmul: \(shape)") }
    }
}
