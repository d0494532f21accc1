import CPixNerdKernels

/// Convolution with 3 x 3 filters and stride 1 with a quarter of the multiplications (Lavin and Gray, arXiv
/// 1509.09308).
///
/// Tiles of 4 x 4 outputs are computed from 6 x 6 inputs: 36 matmuls over transformed filters and tiles replace 144
/// multiplications per tile and pair of channels. Rounding errors are about four times those of the direct sums, 1e-6
/// of the result.
struct WinogradConvolution {
    private let batch: Int
    private let inputs: Int
    private let outputs: Int
    /// Floats from one image of the input to the next.
    private let inputStride: Int
    private let input: pn_winograd_walk
    private let output: pn_winograd_walk
    private let tileRows: Int
    private let tileColumns: Int

    /// Elements of a transformed tile.
    private static let points = 36

    /// - Parameters:
    ///   - walk: the geometry of a 3 x 3 convolution with stride 1.
    ///   - inputStride: floats from one image of the input to the next; nil for images behind one another.
    init(batch: Int, inputs: Int, outputs: Int, walk: pn_convolution_walk, inputStride: Int? = nil) {
        (self.batch, self.inputs, self.outputs) = (batch, inputs, outputs)
        self.inputStride = inputStride ?? inputs * walk.height * walk.width
        tileRows = (walk.out_height + 3) / 4
        tileColumns = (walk.out_width + 3) / 4
        input = pn_winograd_walk(
            height: walk.height, width: walk.width, top: walk.top, left: walk.left, tile_columns: tileColumns,
            tile_rows: tileRows)
        output = pn_winograd_walk(
            height: walk.out_height, width: walk.out_width, top: 0, left: 0, tile_columns: tileColumns,
            tile_rows: tileRows)
    }

    /// Whether Winograd convolution is faster: there must be enough work per transformed element.
    static func pays(batch: Int, inputs: Int, walk: pn_convolution_walk) -> Bool {
        walk.kernel_height == 3 && walk.kernel_width == 3 && walk.stride == 1 && inputs >= 16
            && batch * ((walk.out_height + 3) / 4) * ((walk.out_width + 3) / 4) >= 32
    }

    private var inputPlane: Int { input.height * input.width }
    private var outputPlane: Int { output.height * output.width }

    /// Rows of tiles that are computed at once: as many as keep the transformed tiles of both sides within about 16
    /// MiB, but enough that packing the filters in each matmul costs little.
    private var rowsPerBlock: Int {
        let tiles = max((1 << 22) / (Self.points * (inputs + outputs)), 192)
        return min(batch * tileRows, max(1, tiles / tileColumns))
    }

    /// Calls `body` with ranges of the rows of tiles of all images.
    private func forEachBlock(_ body: (Range<Int>) -> Void) {
        let total = batch * tileRows
        // Equal blocks, so that the last is not a small one.
        let blocks = (total + rowsPerBlock - 1) / rowsPerBlock
        for block in 0..<blocks { body(block * total / blocks..<(block + 1) * total / blocks) }
    }

    /// Computes out = bias + weight * x.
    ///
    /// - Parameters:
    ///   - x: [B, C, H, W].
    ///   - filters: [36, O, C], from `withFilters`.
    ///   - bias: [O].
    ///   - adds: whether the result is added to out.
    ///   - out: [B, O, H', W'].
    ///   - pictureStride: floats from one image of out to the next, if out is part of a larger tensor.
    ///   - rectified: whether negative results become 0.
    func multiply(
        _ x: UnsafePointer<Float>, filters: UnsafePointer<Float>, bias: UnsafePointer<Float>?, adds: Bool = false,
        into out: UnsafeMutablePointer<Float>, pictureStride: Int? = nil, rectified: Bool = false
    ) {
        let pictureStride = pictureStride ?? outputs * outputPlane
        withWorkspace(Self.points * rowsPerBlock * tileColumns * (inputs + outputs)) { workspace in
            forEachBlock { rows in
                let tiles = rows.count * tileColumns
                let products = workspace + Self.points * inputs * tiles
                transformInput(x, rows: rows, into: workspace)
                multiplyPoints(tiles: tiles) { point, columns in
                    MatrixProduct.onThisThread(
                        rows: outputs, columns: columns.count, inner: inputs,
                        Matrix(filters + point * outputs * inputs, stride: inputs),
                        Matrix(workspace + point * inputs * tiles + columns.lowerBound, stride: tiles), beta: 0,
                        into: products + point * outputs * tiles + columns.lowerBound, stride: tiles)
                }
                parallelFor(outputs) { channel in
                    withUnsafePointer(to: output) {
                        pn_winograd_output_rows(
                            $0, rows.lowerBound, rows.count, products + channel * tiles, outputs * tiles,
                            bias?[channel] ?? 0, adds, rectified, pictureStride,
                            out + channel * outputPlane)
                    }
                }
            }
        }
    }

    /// Runs `body` for each of the 36 matmuls and parts of its columns, on all threads.
    private func multiplyPoints(tiles: Int, _ body: (_ point: Int, _ columns: Range<Int>) -> Void) {
        let parts = max(1, min(tiles / 128, (4 * Threads.count + Self.points - 1) / Self.points))
        parallelFor(Self.points * parts) { index in
            let part = index % parts
            body(index / parts, part * tiles / parts..<(part + 1) * tiles / parts)
        }
    }

    /// Computes the transformed tiles [36, C, tiles] of rows of tiles.
    private func transformInput(
        _ x: UnsafePointer<Float>, rows: Range<Int>, into transformed: UnsafeMutablePointer<Float>
    ) {
        let tiles = rows.count * tileColumns
        parallelFor(inputs) { channel in
            withUnsafePointer(to: input) {
                pn_winograd_input_rows(
                    $0, rows.lowerBound, rows.count, x + channel * inputPlane, inputStride, inputs * tiles,
                    transformed + channel * tiles)
            }
        }
    }

    /// Calls `body` with the transformed filters [36, O, C] of weights [O, C, 3, 3].
    ///
    /// - Parameter turned: whether to swap O and C and rotate each filter by 180 degrees, as for the input gradient.
    ///   `outputs` and `inputs` are then those of the backward convolution.
    func withFilters(
        _ weight: UnsafePointer<Float>, turned: Bool = false, _ body: (UnsafePointer<Float>) -> Void
    ) {
        withWorkspace(Self.points * outputs * inputs) { filters in
            parallelFor(outputs) { channel in
                pn_winograd_filters(
                    inputs, weight + channel * 9 * (turned ? 1 : inputs), 9 * (turned ? outputs : 1), turned,
                    outputs * inputs, filters + channel * inputs)
            }
            body(filters)
        }
    }

    /// Computes gradient[O, C, 3, 3] = upstream x^T + beta gradient.
    func addWeightGradient(
        _ x: UnsafePointer<Float>, upstream: UnsafePointer<Float>, beta: Float,
        into gradient: UnsafeMutablePointer<Float>
    ) {
        let filters = Self.points * outputs * inputs
        withWorkspace(filters + Self.points * rowsPerBlock * tileColumns * (inputs + outputs)) { sums in
            forEachBlock { rows in
                let tiles = rows.count * tileColumns
                let transformed = sums + filters
                let gradients = transformed + Self.points * inputs * tiles
                transformInput(x, rows: rows, into: transformed)
                transformUpstream(upstream, rows: rows, into: gradients)
                parallelFor(Self.points) { point in
                    MatrixProduct.onThisThread(
                        rows: outputs, columns: inputs, inner: tiles,
                        Matrix(gradients + point * outputs * tiles, stride: tiles),
                        Matrix(transformed + point * inputs * tiles, stride: tiles, transposed: true),
                        beta: rows.lowerBound == 0 ? 0 : 1, into: sums + point * outputs * inputs, stride: inputs)
                }
            }
            parallelFor(outputs) { channel in
                let target = gradient + channel * inputs * 9
                if beta == 0 { target.update(repeating: 0, count: inputs * 9) }
                pn_winograd_filters_backward(inputs, sums + channel * inputs, outputs * inputs, target)
            }
        }
    }

    private func transformUpstream(
        _ upstream: UnsafePointer<Float>, rows: Range<Int>, into transformed: UnsafeMutablePointer<Float>
    ) {
        let tiles = rows.count * tileColumns
        parallelFor(outputs) { channel in
            withUnsafePointer(to: output) {
                pn_winograd_gradient_rows(
                    $0, rows.lowerBound, rows.count, upstream + channel * outputPlane, outputs * outputPlane,
                    outputs * tiles, transformed + channel * tiles)
            }
        }
    }
}
