import CPixNerdKernels

/// A bf16 weight [out, in] packed for matmuls x W^T that need no gradient with respect to it, by vectors or tiles. It is
/// packed once per model, not once per matmul.
///
/// `@unchecked Sendable`: only its initializer writes to it.
final class PackedWeight: @unchecked Sendable {
    /// The weight packed for products over tiles; nil for those by vectors.
    let tiles: TileFactor?
    /// The weight packed for products by vectors; nil for those over tiles.
    private let storage: RoundedStorage?
    let outputs: Int
    private let inputs: Int

    private var isInt8: Bool { tiles?.isInt8 ?? false }
    /// Fewest outputs and inputs of a weight in int8: the first and the last layer stay in bf16.
    private static let fewestOfInt8 = 128

    /// Columns of the result that are computed together.
    private static let panelWidth = Int(BFLOAT16_PANEL_COLUMNS)
    /// Number of elements of x that stay in the caches while all panels pass.
    private static let blockSize = 1 << 20
    /// Minimum number of rows of x per block, a multiple of the rows of a register tile. With fewer rows, rereading the
    /// panels would cost too much.
    private static let fewestRows = 96

    /// The packed form of a weight, cached; nil if the weight needs a gradient, or if another method is faster.
    ///
    /// - Parameter quantizes: whether it may be packed in int8, if that is the current precision.
    static func of(_ weight: Tensor, quantizes: Bool = true) -> PackedWeight? {
        guard Precision.packsWeights, weight.node == nil else { return nil }
        let isInt8 = quantizes && Precision.current == .int8 && weight.shape.allSatisfy { $0 >= fewestOfInt8 }
        let packed = weight.storage.packed(
            where: { $0.isInt8 == isInt8 }, make: { PackedWeight(weight, isInt8: isInt8) })
        precondition(
            weight.shape == [packed.outputs, packed.inputs],
            "PackedWeight: \(weight.shape) was packed as \([packed.outputs, packed.inputs])")
        return packed
    }

    // See docs/workarounds.md.
    @inline(never)
    private init(_ weight: Tensor, isInt8: Bool) {
        (outputs, inputs) = (weight.shape[0], weight.shape[1])
        tiles = isInt8 || TileProduct.isUsed ? TileFactor(weight: weight, isInt8: isInt8) : nil
        guard tiles == nil else {
            storage = nil
            return
        }
        let storage = RoundedStorage(count: pn_bfloat16_packed_count(outputs, inputs))
        self.storage = storage
        parallelFor(panels) { panel in
            let columns = columns(of: panel)
            withWorkspace(columns.count * inputs) { room in
                pn_round_to_bfloat16(columns.count * inputs, weight.pointer + columns.lowerBound * inputs, room)
                pn_bfloat16_pack_panel(outputs, inputs, panel, room, inputs, storage.pointer)
            }
        }
    }

    private var panels: Int { Self.panels(of: outputs) }

    /// Whether the panels of the first half of the columns end where the second half begins.
    fileprivate var isHalvedByPanels: Bool { outputs % (2 * Self.panelWidth) == 0 }

    /// Number of panels for `columns` columns.
    static func panels(of columns: Int) -> Int { (columns + panelWidth - 1) / panelWidth }

    private func columns(of panel: Int) -> Range<Int> {
        panel * Self.panelWidth..<min(outputs, (panel + 1) * Self.panelWidth)
    }

    /// Computes some rows of x W^T + bias and the columns of one panel, on the calling thread.
    ///
    /// - Parameters:
    ///   - x: [rows of all, in].
    ///   - bias: the values of the panel's columns are added to each row, from [out].
    ///   - adds: whether the result is added to c.
    ///   - c: the first row and column of the result. Its rows are `stride` elements apart.
    func multiply(
        rows: Range<Int>, panel: Int, _ x: UnsafePointer<BFloat16>, bias: UnsafePointer<Float>?, adds: Bool = false,
        into c: UnsafeMutablePointer<Float>, stride: Int
    ) {
        let columns = columns(of: panel)
        OperatorProfile.count(multiplyAdds: rows.count * columns.count * inputs)
        pn_bfloat16_packed_product(
            rows.count, outputs, inputs, panel, panel + 1, x + rows.lowerBound * inputs, inputs, storage!.pointer,
            bias.map { $0 + columns.lowerBound }, adds, c, stride)
    }

    /// Runs `body` for each block of rows of x and each panel, on all threads.
    ///
    /// - Parameter count: number of columns, from the first, whose panels are meant; nil for all.
    func forEachPanel(
        rows: Int, first count: Int? = nil, _ body: (_ rows: Range<Int>, _ panel: Int, _ columns: Range<Int>) -> Void
    ) {
        let panels = Self.panels(of: count ?? outputs)
        // Blocks as large as the caches allow, but smaller if there would be too few work items for all threads.
        let wanted = max(rows * inputs / Self.blockSize, 4 * Threads.count / panels)
        let rowsPerBlock = max(Self.fewestRows, (rows / max(1, wanted) + 5) / 6 * 6)
        let blocks = (rows + rowsPerBlock - 1) / rowsPerBlock
        parallelFor(blocks * panels) { index in
            let (block, panel) = (index / panels, index % panels)
            body(block * rowsPerBlock..<min(rows, (block + 1) * rowsPerBlock), panel, columns(of: panel))
        }
    }

    /// Runs `body` for each block of rows of x and each panel, on all threads, with scratch memory.
    ///
    /// - Parameters:
    ///   - count: number of columns, from the first, whose panels are meant; nil for all.
    ///   - results: size of the scratch memory of a call, in blocks of rows x columns floats.
    func forEachPanel(
        rows: Int, first count: Int? = nil, results: Int,
        _ body: (_ rows: Range<Int>, _ panel: Int, _ columns: Range<Int>, _ room: UnsafeMutablePointer<Float>) -> Void
    ) {
        forEachPanel(rows: rows, first: count) { rows, panel, columns in
            withWorkspace(results * rows.count * columns.count) { body(rows, panel, columns, $0) }
        }
    }
}

/// The packed weights of gate and value of a gated layer, [out, in] each: two weights, or the halves of one.
struct PackedGates {
    let gate: PackedWeight
    private let value: PackedWeight
    /// Panels of `value` before its own.
    private let skippedPanels: Int
    let outputs: Int

    /// Two weights of the same shape; nil if either is not packed.
    init?(gate: PackedWeight?, value: PackedWeight?) {
        guard let gate, let value else { return nil }
        (self.gate, self.value, skippedPanels, outputs) = (gate, value, 0, gate.outputs)
    }

    /// The halves of a weight [2 out, in]; nil if it is not packed, or if a panel would hold columns of both.
    init?(stacked: PackedWeight?) {
        guard let stacked, stacked.isHalvedByPanels else { return nil }
        (gate, value, outputs) = (stacked, stacked, stacked.outputs / 2)
        skippedPanels = PackedWeight.panels(of: outputs)
    }

    /// Gate and value packed for products over tiles; nil for those by vectors.
    var tiles: (gate: TileFactor, value: TileFactor)? {
        guard let gate = gate.tiles, let value = value.tiles else { return nil }
        let first = skippedPanels == 0 ? 0 : outputs
        return (gate[0..<outputs], value[first..<first + outputs])
    }

    /// The factors of a panel of the gate and of the same panel of the value.
    func factors(ofPanel panel: Int) -> [(PackedWeight, panel: Int)] {
        [(gate, panel), (value, skippedPanels + panel)]
    }
}
