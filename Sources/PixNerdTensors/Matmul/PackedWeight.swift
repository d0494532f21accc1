import CPixNerdKernels

/// A weight [out, in] in bf16, packed for products x W^T that need no derivative by it: once a model, not once a product.
///
/// `@unchecked Sendable`: only its initialiser writes it.
final class PackedWeight: @unchecked Sendable {
    private let storage: RoundedStorage
    let outputs: Int
    private let inputs: Int

    /// Columns of the product that are computed together.
    private static let panelWidth = Int(BFLOAT16_PANEL_COLUMNS)
    /// Elements of x that stay in the caches while the panels pass.
    private static let blockSize = 1 << 20
    /// Of x, and a multiple of those of a tile: so many at least that reading a panel again costs little.
    private static let fewestRows = 96

    /// The weight packed, now or before; nil where it gathers a gradient, or where something else is faster.
    static func of(_ weight: Tensor) -> PackedWeight? {
        guard Precision.packsWeights, weight.node == nil else { return nil }
        let packed = weight.storage.packed { PackedWeight(weight) }
        precondition(
            weight.shape == [packed.outputs, packed.inputs],
            "PackedWeight: \(weight.shape) was packed as \([packed.outputs, packed.inputs])")
        return packed
    }

    @inline(never)
    private init(_ weight: Tensor) {
        (outputs, inputs) = (weight.shape[0], weight.shape[1])
        storage = RoundedStorage(count: pn_bfloat16_packed_count(outputs, inputs))
        parallelFor(panels) { panel in
            let columns = columns(of: panel)
            withWorkspace(columns.count * inputs) { room in
                pn_round_to_bfloat16(columns.count * inputs, weight.pointer + columns.lowerBound * inputs, room)
                pn_bfloat16_pack_panel(outputs, inputs, panel, room, inputs, storage.pointer)
            }
        }
    }

    private var panels: Int { Self.panels(of: outputs) }

    static func panels(of columns: Int) -> Int { (columns + panelWidth - 1) / panelWidth }

    private func columns(of panel: Int) -> Range<Int> {
        panel * Self.panelWidth..<min(outputs, (panel + 1) * Self.panelWidth)
    }

    /// Computes some rows of x W^T and the columns of one panel, on the calling thread.
    ///
    /// - Parameters:
    ///   - x: [rows, in].
    ///   - bias: [out], added to each row.
    ///   - c: where the first row and column of the result go; rows are `stride` elements apart.
    ///   - adds: whether the product comes on top of what c holds.
    func multiply(
        rows: Range<Int>, panel: Int, _ x: UnsafePointer<BFloat16>, bias: UnsafePointer<Float>?, adds: Bool = false,
        into c: UnsafeMutablePointer<Float>, stride: Int
    ) {
        let columns = columns(of: panel)
        OperatorProfile.count(multiplyAdds: rows.count * columns.count * inputs)
        pn_bfloat16_packed_product(
            rows.count, outputs, inputs, panel, panel + 1, x + rows.lowerBound * inputs, inputs, storage.pointer,
            bias.map { $0 + columns.lowerBound }, adds, c, stride)
    }

    /// Runs `body` for all rows of x, block by block, and each panel, on all threads.
    func forEachPanel(rows: Int, _ body: (_ rows: Range<Int>, _ panel: Int, _ columns: Range<Int>) -> Void) {
        // Blocks as large as the caches hold, and smaller where there would be too few pieces of work for all threads.
        let wanted = max(rows * inputs / Self.blockSize, 4 * Threads.count / panels)
        let rowsPerBlock = max(Self.fewestRows, (rows / max(1, wanted) + 5) / 6 * 6)
        let blocks = (rows + rowsPerBlock - 1) / rowsPerBlock
        parallelFor(blocks * panels) { index in
            let (block, panel) = (index / panels, index % panels)
            body(block * rowsPerBlock..<min(rows, (block + 1) * rowsPerBlock), panel, columns(of: panel))
        }
    }

    /// The same with room of its own for each call: `results` blocks of the size of the rows and columns.
    func forEachPanel(
        rows: Int, results: Int,
        _ body: (_ rows: Range<Int>, _ panel: Int, _ columns: Range<Int>, _ room: UnsafeMutablePointer<Float>) -> Void
    ) {
        forEachPanel(rows: rows) { rows, panel, columns in
            withWorkspace(results * rows.count * columns.count) { body(rows, panel, columns, $0) }
        }
    }
}
