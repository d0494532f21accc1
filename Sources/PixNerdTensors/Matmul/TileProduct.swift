import CPixNerdKernels

/// Matmuls in bf16 over the tiles of Intel AMX, and in int8 over tiles or by vectors.
package enum TileProduct {
    /// Whether bf16 matmuls run over tiles.
    package static let isUsed = pn_kernels_have_tiles()

    /// Floating-point operations per second (two per multiply-add) that the tile instruction allows on all threads: the
    /// most of several measurements of some milliseconds.
    package static func instructionRate() -> Double {
        guard isUsed else { return 0 }
        let count = 1 << 18
        let operations = 2 * 16 * 16 * 32 * Double(4 * count * Threads.count)
        let times = (0..<8).map { _ in
            ContinuousClock().measure { parallelFor(Threads.count) { _ in pn_tile_spin(count) } }
        }
        return operations / (times.min()! / .seconds(1))
    }

    private static let block = Int(TILE_BLOCK)
    private static let step = Int(TILE_STEP)
    /// Numbers of a packed left factor that leave room for the rest in the second-level cache.
    private static let leftCount = 3 << 17
    /// Parts of a matmul for each thread, so that no thread waits long for a slower one.
    private static let itemsPerThread = 4
    /// Most columns for which a left factor is read where it is.
    private static let mostColumnsInPlace = 768
    /// Fewest columns of a part.
    private static let fewestColumns = 256
    /// The longest part of the inner dimension whose packed factors stay in the caches together.
    private static let longestSlice = 2048

    /// Computes a result from a left factor and a packed right one, on all threads.
    ///
    /// - Parameters:
    ///   - second: the right factor of the values of a gate; nil for other results.
    ///   - prepare: called by a thread before it computes some rows and columns.
    static func onAllThreads(
        rows: Int, _ left: TileSource, _ right: TileFactor, second: TileFactor? = nil, _ result: TileResult,
        prepare: ((_ rows: Range<Int>, _ columns: Range<Int>) -> Void)? = nil
    ) {
        let (columns, inner) = (right.count, right.inner)
        let slice = result.isWhole || right.isInt8 ? inner : sliceLength(inner)
        let step = right.step
        let rowChunks = chunks(rows: rows, slice: slice, alignment: result.rowsPerGate)
        let items = itemsPerThread * Threads.count
        let groups = max(1, min((items - 1) / rowChunks.count + 1, columns / fewestColumns))
        let columnsPerGroup = (columns + groups * block - 1) / (groups * block) * block
        let columnGroups = (columns + columnsPerGroup - 1) / columnsPerGroup
        // Packing pays only with many columns.
        let isInPlace =
            columns <= mostColumnsInPlace && !right.isInt8 && rows % block == 0
            && rowChunks.allSatisfy { $0.count % block == 0 } && left.canBeReadInPlace(inner: inner)
        // Packed once for all groups of columns.
        let packed =
            !isInPlace && (columnGroups > 1 || right.isInt8) && rowChunks.allSatisfy { $0.lowerBound % block == 0 }
            ? TileFactor(rows: rows, inner: inner, left, isInt8: right.isInt8) : nil
        parallelFor(rowChunks.count * columnGroups) { index in
            let rows = rowChunks[index / columnGroups]
            let first = index % columnGroups * columnsPerGroup
            let group = first..<min(columns, first + columnsPerGroup)
            prepare?(rows, group)
            OperatorProfile.count(multiplyAdds: rows.count * group.count * inner * (second == nil ? 1 : 2))
            result.part(rows, group, isSliced: slice < inner) { part in
                for start in stride(from: 0, to: inner, by: slice) {
                    let length = min(slice, inner - start)
                    let steps = (length + step - 1) / step
                    func multiply(_ left: UnsafeRawPointer, block: Int, row: Int = 0) {
                        var factors = pn_tile_factors(
                            rows: rows.count, columns: group.count, steps: steps, left: left, left_block: block,
                            left_row: row,
                            right: right.start(at: first, step: start / step),
                            second: second.map { UnsafeRawPointer($0.start(at: first)) }, right_block: right.block,
                            left_scales: packed?.scales(at: rows.lowerBound), right_scales: right.scales(at: first),
                            second_scales: second?.scales(at: first))
                        var target = start == 0 ? part : part.added
                        pn_tile_multiply(&factors, &target)
                    }
                    if isInPlace {
                        let from = left.from(rows.lowerBound, inner: start).kernel
                        multiply(from.numbers, block: block * from.stride, row: from.stride)
                    } else if let packed {
                        multiply(packed.start(at: rows.lowerBound, step: start / step), block: packed.block)
                    } else {
                        withWorkspace(pn_tile_packed_count(rows.count, length) / 2) { room in
                            left.from(rows.lowerBound, inner: start).packLeft(rows.count, inner: length, into: room)
                            multiply(room, block: steps * Int(TILE_STEP_ELEMENTS))
                        }
                    }
                }
            }
        }
    }

    /// Computes c[rows, columns] = a b + beta c on the calling thread. Beta is 0 or 1.
    ///
    /// - Parameter bias: [columns], added to each row if beta is 0.
    static func onThisThread(
        rows: Int, columns: Int, inner: Int, _ left: TileSource, _ right: TileSource, bias: UnsafePointer<Float>?,
        beta: Float, into c: UnsafeMutablePointer<Float>, stride cStride: Int
    ) {
        let slice = sliceLength(inner)
        let group = max(block, leftCount / slice / block * block)
        for start in stride(from: 0, to: inner, by: slice) {
            let length = min(slice, inner - start)
            let steps = (length + step - 1) / step
            for column in stride(from: 0, to: columns, by: group) {
                let columns = min(group, columns - column)
                let rightCount = pn_tile_packed_count(columns, length)
                withWorkspace((rightCount + pn_tile_packed_count(min(rows, group), length)) / 2) { room in
                    let packedLeft = room + rightCount / 2
                    right.from(column, inner: start).packRight(columns, inner: length, into: room)
                    for row in stride(from: 0, to: rows, by: group) {
                        let rows = min(group, rows - row)
                        left.from(row, inner: start).packLeft(rows, inner: length, into: packedLeft)
                        var factors = pn_tile_factors(
                            rows: rows, columns: columns, steps: steps, left: packedLeft,
                            left_block: steps * Int(TILE_STEP_ELEMENTS), left_row: 0, right: room, second: nil,
                            right_block: steps * Int(TILE_STEP_ELEMENTS), left_scales: nil, right_scales: nil,
                            second_scales: nil)
                        var target = pn_tile_result()
                        target.kind = start == 0 && beta == 0 ? pn_tile_set : pn_tile_add
                        target.c = UnsafeMutableRawPointer(c + row * cStride + column)
                        target.stride = cStride
                        target.bias = bias.map { $0 + column }
                        pn_tile_multiply(&factors, &target)
                    }
                }
            }
        }
    }

    /// The length of the parts of the inner dimension, which are about equal and whole steps.
    private static func sliceLength(_ inner: Int) -> Int {
        let slices = (inner - 1) / longestSlice + 1
        return ((inner + slices - 1) / slices + step - 1) / step * step
    }

    /// Ranges of rows whose packed form stays in the second-level cache, as many as keep all threads busy.
    ///
    /// - Parameter alignment: no range crosses a multiple of it.
    private static func chunks(rows: Int, slice: Int, alignment: Int?) -> [Range<Int>] {
        let most = max(block, min(512, leftCount / slice / block * block))
        let part = min(rows, alignment ?? rows)
        var count = (part - 1) / most + 1
        let parts = (rows - 1) / part + 1
        // With a multiple of the number of threads none of them waits, as long as chunks are not small.
        let threads = Threads.count
        if count * parts % threads != 0 {
            let wanted = (count * parts + threads - 1) / threads * threads
            let more = (wanted + parts - 1) / parts
            if part / more >= 128 { count = more }
        }
        let size = ((part + count - 1) / count + block - 1) / block * block
        return stride(from: 0, to: rows, by: part).flatMap { start in
            let end = min(rows, start + part)
            return stride(from: start, to: end, by: size).map { $0..<min(end, $0 + size) }
        }
    }
}
