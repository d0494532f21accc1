import CPixNerdKernels

/// What becomes of a product over tiles, [rows, columns].
struct TileResult {
    private enum Kind {
        case set(UnsafeMutablePointer<Float>)
        case add(UnsafeMutablePointer<Float>)
        case round(UnsafeMutablePointer<BFloat16>)
        case gate(UnsafeMutablePointer<BFloat16>, kept: GatePlaces?)
        case gateBackward(UnsafeMutablePointer<BFloat16>, GatePlaces)
        case gatedResidual(UnsafeMutablePointer<Float>, GatedResidual)
    }

    /// Places of gates and values, [rows, columns] each.
    struct GatePlaces {
        let gates: UnsafeMutablePointer<BFloat16>
        let values: UnsafeMutablePointer<BFloat16>
    }

    /// The residual and the gates of a result residual + gate * product.
    struct GatedResidual {
        /// [rows, columns]
        let residual: UnsafePointer<Float>
        /// [columns] for each run of `rowsPerGate` rows.
        let gates: UnsafePointer<Float>
        /// Elements from the gates of a run of rows to the next.
        let gateStride: Int
        let rowsPerGate: Int
    }

    private let kind: Kind
    private let stride: Int
    private let bias: UnsafePointer<Float>?

    private init(_ kind: Kind, stride: Int, bias: UnsafePointer<Float>?) {
        (self.kind, self.stride, self.bias) = (kind, stride, bias)
    }

    /// c = product + bias
    static func set(_ c: UnsafeMutablePointer<Float>, stride: Int, bias: UnsafePointer<Float>? = nil) -> TileResult {
        TileResult(.set(c), stride: stride, bias: bias)
    }

    /// c = product + beta c. Beta is 0 or 1.
    static func accumulate(_ c: UnsafeMutablePointer<Float>, stride: Int, beta: Float) -> TileResult {
        TileResult(beta == 0 ? .set(c) : .add(c), stride: stride, bias: nil)
    }

    /// c = product + bias, rounded to bf16
    static func round(_ c: UnsafeMutablePointer<BFloat16>, stride: Int, bias: UnsafePointer<Float>?) -> TileResult {
        TileResult(.round(c), stride: stride, bias: bias)
    }

    /// c = silu(first product) * second product, rounded to bf16; and both products rounded to bf16, if they are kept.
    static func gate(
        _ c: UnsafeMutablePointer<BFloat16>, stride: Int,
        keeping kept: GatePlaces? = nil
    ) -> TileResult {
        TileResult(.gate(c, kept: kept), stride: stride, bias: nil)
    }

    /// The product is the derivative by silu(gate) * value: what `places` hold becomes the derivatives by gate and value,
    /// and c = silu(gate) * value, all rounded to bf16.
    static func gateBackward(
        _ c: UnsafeMutablePointer<BFloat16>, stride: Int, _ places: GatePlaces
    ) -> TileResult {
        TileResult(.gateBackward(c, places), stride: stride, bias: nil)
    }

    /// c = residual + gate * (product + bias)
    static func gatedResidual(
        _ c: UnsafeMutablePointer<Float>, stride: Int, bias: UnsafePointer<Float>?, _ start: GatedResidual
    ) -> TileResult {
        TileResult(.gatedResidual(c, start), stride: stride, bias: bias)
    }

    /// Whether it takes the whole product at once, since it is not linear in it.
    var isWhole: Bool {
        switch kind {
        case .gate, .gateBackward: true
        default: false
        }
    }

    /// Number of rows with the same gates; nil for results without a residual.
    var rowsPerGate: Int? { if case .gatedResidual(_, let start) = kind { start.rowsPerGate } else { nil } }

    /// Calls `body` with the part of the result for some rows and columns.
    ///
    /// - Parameter isSliced: whether `body` computes the product as a sum of several. What is not linear is then
    ///   computed after it.
    func part(
        _ rows: Range<Int>, _ columns: Range<Int>, isSliced: Bool, _ body: (pn_tile_result) -> Void
    ) {
        let at = rows.lowerBound * stride + columns.lowerBound
        var part = pn_tile_result()
        part.stride = stride
        part.bias = bias.map { $0 + columns.lowerBound }
        switch kind {
        case .set(let c), .add(let c):
            part.kind = if case .add = kind { pn_tile_add } else { pn_tile_set }
            part.c = UnsafeMutableRawPointer(c + at)
        case .round(let c):
            guard !isSliced else {
                return withWorkspace(rows.count * columns.count) { room in
                    part.kind = pn_tile_set
                    (part.c, part.stride) = (UnsafeMutableRawPointer(room), columns.count)
                    body(part)
                    for row in 0..<rows.count {
                        pn_round_to_bfloat16(columns.count, room + row * columns.count, c + at + row * stride)
                    }
                }
            }
            part.kind = pn_tile_round
            part.c = UnsafeMutableRawPointer(c + at)
        case .gate(let c, let kept):
            part.kind = kept == nil ? pn_tile_gate : pn_tile_gate_and_keep
            part.c = UnsafeMutableRawPointer(c + at)
            part.gates = kept.map { UnsafeMutableRawPointer($0.gates + at) }
            part.values = kept.map { UnsafeMutableRawPointer($0.values + at) }
        case .gateBackward(let c, let places):
            part.kind = pn_tile_gate_backward
            part.c = UnsafeMutableRawPointer(c + at)
            part.gates = UnsafeMutableRawPointer(places.gates + at)
            part.values = UnsafeMutableRawPointer(places.values + at)
        case .gatedResidual(let c, let start):
            let gate = start.gates + rows.lowerBound / start.rowsPerGate * start.gateStride + columns.lowerBound
            guard !isSliced else {
                return withWorkspace(rows.count * columns.count) { room in
                    part.kind = pn_tile_set
                    (part.c, part.stride) = (UnsafeMutableRawPointer(room), columns.count)
                    body(part)
                    for row in 0..<rows.count {
                        pn_gated_residual_forward(
                            1, columns.count, start.residual + at + row * stride, room + row * columns.count, gate,
                            c + at + row * stride)
                    }
                }
            }
            part.kind = pn_tile_gated_residual
            part.c = UnsafeMutableRawPointer(c + at)
            part.residual = start.residual + at
            part.gate = gate
        }
        body(part)
    }
}

extension pn_tile_result {
    /// The result of a further slice of the inner dimension.
    var added: pn_tile_result {
        var next = self
        next.kind = pn_tile_add
        next.bias = nil
        return next
    }
}
