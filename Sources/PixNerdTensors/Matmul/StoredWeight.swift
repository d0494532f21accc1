import CPixNerdKernels

/// A weight [out, in] as a file stores it, for matmuls that need no gradient and read each weight once.
///
/// A matmul converts it band by band in memory that stays in the caches, so that it is never converted as a whole.
///
/// `@unchecked Sendable`: the bytes are only read, and `owner` keeps them alive.
public struct StoredWeight: @unchecked Sendable {
    /// The type of the stored numbers, in the processor's byte order.
    public enum Kind: Sendable {
        case float32, float16, bfloat16

        /// Bytes per number.
        var size: Int { self == .float32 ? 4 : 2 }
    }

    /// [out, in].
    public let shape: [Int]
    private let kind: Kind
    private let bytes: UnsafeRawPointer
    private let owner: AnyObject

    /// A weight over memory of any alignment that `owner` keeps alive.
    ///
    /// - Precondition: The shape has two dimensions and as many elements as the bytes hold.
    public init(_ bytes: UnsafeRawBufferPointer, kind: Kind, shape: [Int], owner: AnyObject) {
        precondition(
            shape.count == 2 && shape.allSatisfy { $0 > 0 } && bytes.count == shape.reduce(kind.size, *),
            "StoredWeight: \(bytes.count) bytes do not fill the shape \(shape)")
        (self.shape, self.kind, self.bytes, self.owner) = (shape, kind, bytes.baseAddress!, owner)
    }

    private var outputs: Int { shape[0] }
    private var inputs: Int { shape[1] }
    private var isAligned: Bool { Int(bitPattern: bytes) % kind.size == 0 }
    private func start(of row: Int) -> UnsafeRawPointer { bytes + row * inputs * kind.size }

    /// Rows per band: about 1 MiB as float32, which stays in the L2 cache.
    private var rowsPerBand: Int { max(32, (1 << 18) / inputs / 32 * 32) }

    /// Calls `body` with rows as float32.
    private func withFloats(_ rows: Range<Int>, _ body: (UnsafePointer<Float>) -> Void) {
        let (start, count) = (start(of: rows.lowerBound), rows.count * inputs)
        if kind == .float32, isAligned { return body(start.assumingMemoryBound(to: Float.self)) }
        withWorkspace(count) { room in
            switch kind {
            case .float32: UnsafeMutableRawPointer(room).copyMemory(from: start, byteCount: 4 * count)
            case .float16: pn_half_to_float(count, start, room)
            case .bfloat16: withBFloat16(rows) { pn_bfloat16_to_float(count, $0, room) }
            }
            body(room)
        }
    }

    /// Calls `body` with rows as bf16.
    private func withBFloat16(_ rows: Range<Int>, _ body: (UnsafePointer<BFloat16>) -> Void) {
        let (start, count) = (start(of: rows.lowerBound), rows.count * inputs)
        guard kind == .bfloat16 else {
            return withFloats(rows) { values in
                withWorkspace(count) { body(BFloat16.rounded(values, count: count, in: $0)) }
            }
        }
        if isAligned { return body(start.assumingMemoryBound(to: BFloat16.self)) }
        withWorkspace((count + 1) / 2) { room in
            UnsafeMutableRawPointer(room).copyMemory(from: start, byteCount: 2 * count)
            body(BFloat16.inPlace(room))
        }
    }

    /// Computes c = x W^T on all threads, in float32.
    ///
    /// - Parameters:
    ///   - x: [rows, in].
    ///   - c: [rows, out].
    fileprivate func multiply(rows: Int, _ x: UnsafePointer<Float>, into c: UnsafeMutablePointer<Float>) {
        parallelChunks(outputs, of: rowsPerBand) { band in
            withFloats(band) { weight in
                MatrixProduct.onThisThread(
                    rows: rows, columns: band.count, inner: inputs, Matrix(x, stride: inputs),
                    Matrix(weight, stride: inputs, transposed: true), beta: 0, into: c + band.lowerBound,
                    stride: outputs)
            }
        }
    }

    /// Computes c = x W^T on all threads, in bf16.
    fileprivate func multiply(rows: Int, _ x: Rounded<BFloat16>, into c: UnsafeMutablePointer<Float>) {
        guard Precision.packsWeights, !TileProduct.isUsed else {
            return parallelChunks(outputs, of: rowsPerBand) { band in
                withBFloat16(band) { weight in
                    MatrixProduct.onThisThread(
                        rows: rows, columns: band.count, inner: inputs, x.matrix(stride: inputs),
                        Matrix(weight, stride: inputs, transposed: true), beta: 0, into: c + band.lowerBound,
                        stride: outputs)
                }
            }
        }
        parallelChunks(outputs, of: Int(BFLOAT16_PANEL_COLUMNS)) { band in
            OperatorProfile.count(multiplyAdds: rows * band.count * inputs)
            // A panel of its own.
            withWorkspace((pn_bfloat16_packed_count(band.count, inputs) + 1) / 2) { packed in
                withBFloat16(band) { pn_bfloat16_pack_panel(band.count, inputs, 0, $0, inputs, packed) }
                pn_bfloat16_packed_product(
                    rows, band.count, inputs, 0, 1, x.pointer, inputs, packed, nil, false, c + band.lowerBound, outputs)
            }
        }
    }
}

/// x W^T over the last axis, with a weight as a file stores it; without a gradient.
///
/// - Parameters:
///   - x: [..., in].
///   - weight: [out, in].
/// - Returns: [..., out].
public func linear(_ x: Tensor, weight: StoredWeight) -> Tensor {
    OperatorProfile.begin("linear")
    defer { OperatorProfile.end() }
    let (outputs, inputs) = (weight.shape[0], weight.shape[1])
    precondition(x.shape.last == inputs, "linear: x \(x.shape), weight \(weight.shape) do not fit")
    precondition(Tape.current == nil || x.node == nil, "linear: a stored weight passes no gradient on")
    let out = Tensor(uninitialized: x.shape.dropLast() + [outputs])
    let rows = x.count / inputs
    switch Precision.ofProduct(rows: rows, columns: outputs, inner: inputs) {
    case .fp32: weight.multiply(rows: rows, x.pointer, into: out.storage.pointer)
    case .bf16: weight.multiply(rows: rows, x.rounded(to: BFloat16.self), into: out.storage.pointer)
    }
    return out
}
