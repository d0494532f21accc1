import CPixNerdKernels
import PixNerdSupport

/// A picture of another size, equal byte for byte to Pillow 13's `Image.resize((width, height), filter)` of RGB.
///
/// Rows are resampled before columns, except where a picture loses more than twice as many rows as columns: there
/// columns come first. Pillow 3 to 12 always began with the rows; for those tall pictures single pixels then differ by
/// a level.
///
/// - Parameters:
///   - image: the picture.
///   - width: the new number of columns, at least 1.
///   - height: the new number of rows, at least 1.
///   - filter: the kernel.
public func resized(_ image: RGBImage, width: Int, height: Int, filter: ResamplingFilter) -> RGBImage {
    precondition(width > 0 && height > 0, "resized: a size of \(width) x \(height) is not a picture")
    let pixels = [UInt8](unsafeUninitializedCapacity: width * height * 3) { output, count in
        image.withView { view in
            Resampling(
                from: (image.width, image.height), to: (width, height), filter: filter, columns: 0..<width,
                rows: 0..<height
            ).run(view, into: output.baseAddress!, memory: ResamplingMemory())
        }
        count = width * height * 3
    }
    return RGBImage(width: width, height: height, pixels: pixels)
}

extension RGBImage {
    /// Calls `body` with a view of the pixels that holds during the call.
    func withView<Result>(_ body: (PixelView) throws -> Result) rethrows -> Result {
        try pixels.withUnsafeBufferPointer {
            try body(PixelView($0.baseAddress!, width: width, height: height))
        }
    }
}

/// What resampling needs on the way, used for picture after picture by one thread.
final class ResamplingMemory {
    fileprivate let between = ByteBlock()
    fileprivate let turned = ByteBlock()

    // See ByteBlock.
    @inline(never)
    init() {}
}

/// The resampling of a picture to another size, of which some columns and rows are wanted; the others are never
/// computed.
struct Resampling {
    /// Nil where the columns keep their number, and are only selected.
    private let horizontal: ResamplingWeights?
    private let vertical: ResamplingWeights?
    private let columns: Range<Int>
    private let rows: Range<Int>
    private let beginsWithColumns: Bool
    private let isMirrored: Bool

    /// - Parameters:
    ///   - input: columns and rows of the picture.
    ///   - output: the size that all of it is resampled to.
    ///   - columns: which of the output's columns are wanted.
    ///   - rows: which of the output's rows are wanted.
    ///   - mirrored: whether left and right of the result change places.
    init(
        from input: (width: Int, height: Int), to output: (width: Int, height: Int), filter: ResamplingFilter,
        columns: Range<Int>, rows: Range<Int>, mirrored: Bool = false
    ) {
        let horizontal =
            output.width == input.width
            ? nil
            : ResamplingWeights(
                filter: filter, inputSize: input.width, outputSize: output.width, outputs: columns)
        self.horizontal = mirrored ? horizontal?.reversed() : horizontal
        vertical =
            output.height == input.height
            ? nil
            : ResamplingWeights(filter: filter, inputSize: input.height, outputSize: output.height, outputs: rows)
        self.columns = columns
        self.rows = rows
        isMirrored = mirrored
        // Pillow 13's rule, found by comparing with both orders on 48,000 pairs of random sizes.
        let lostRows = input.height - output.height
        beginsWithColumns = lostRows > 0 && lostRows > 2 * (input.width - output.width)
    }

    /// The resampling of a part of a picture, with edges between pixels, to a square.
    ///
    /// - Parameters:
    ///   - across: where the part lies horizontally, in pixels.
    ///   - down: where the part lies vertically, in pixels.
    init(
        from input: (width: Int, height: Int), across: (start: Double, length: Double),
        down: (start: Double, length: Double), toSquare size: Int, filter: ResamplingFilter, mirrored: Bool
    ) {
        let horizontal = ResamplingWeights(
            filter: filter, inputSize: input.width, span: across, outputSize: size, outputs: 0..<size)
        self.horizontal = mirrored ? horizontal.reversed() : horizontal
        vertical = ResamplingWeights(
            filter: filter, inputSize: input.height, span: down, outputSize: size, outputs: 0..<size)
        columns = 0..<size
        rows = 0..<size
        isMirrored = mirrored
        beginsWithColumns = false
    }

    /// - Parameters:
    ///   - input: a picture of the size that was given.
    ///   - output: room for the wanted columns and rows.
    ///   - memory: for the result of the first pass, and for pixels in another order.
    func run(_ input: PixelView, into output: UnsafeMutablePointer<UInt8>, memory: ResamplingMemory) {
        defer { withExtendedLifetime(memory) {} }
        guard let horizontal else {
            let part = input.part(columns: columns, rows: vertical == nil ? rows : 0..<input.height)
            if let vertical {
                Self.blendRows(part, vertical, into: output)
            } else {
                part.copy(to: output)
            }
            if isMirrored { mirrorRows(output, width: columns.count, height: rows.count) }
            return
        }
        // Columns and rows that no wanted pixel is made of are left out from the start.
        let usedColumns = horizontal.inputs
        let columnWeights = horizontal.withoutFirst(usedColumns.lowerBound)
        guard let vertical else {
            Self.blendColumns(input.part(columns: usedColumns, rows: rows), columnWeights, into: output, memory)
            return
        }
        let usedRows = vertical.inputs
        let rowWeights = vertical.withoutFirst(usedRows.lowerBound)
        let used = input.part(columns: usedColumns, rows: usedRows)
        if beginsWithColumns {
            let between = memory.between.reserve(used.width * rows.count * 3)
            Self.blendRows(used, rowWeights, into: between)
            Self.blendColumns(
                PixelView(between, width: used.width, height: rows.count), columnWeights, into: output, memory)
        } else {
            let between = memory.between.reserve(columns.count * used.height * 3)
            Self.blendColumns(used, columnWeights, into: between, memory)
            Self.blendRows(
                PixelView(between, width: columns.count, height: used.height), rowWeights, into: output)
        }
    }

    private static func blendColumns(
        _ input: PixelView, _ table: ResamplingWeights, into output: UnsafeMutablePointer<UInt8>,
        _ memory: ResamplingMemory
    ) {
        let width = table.starts.count
        pn_resample_rows(
            input.base, input.stride, input.width, output, width, input.height, table.starts, table.counts,
            table.weights, table.taps,
            memory.turned.reserve((input.width + width) * 3 * Int(PN_BLOCK_ROWS)))
    }

    private static func blendRows(
        _ input: PixelView, _ table: ResamplingWeights, into output: UnsafeMutablePointer<UInt8>
    ) {
        let bytes = input.width * 3
        table.weights.withUnsafeBufferPointer { weights in
            for row in table.starts.indices {
                pn_blend_rows(
                    input.base + Int(table.starts[row]) * input.stride, input.stride, output + row * bytes, bytes,
                    weights.baseAddress! + row * table.taps, Int(table.counts[row]))
            }
        }
    }
}
