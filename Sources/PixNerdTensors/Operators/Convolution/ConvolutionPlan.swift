import CPixNerdKernels

/// The sizes of a convolution, and the tiling of its output.
struct ConvolutionPlan {
    let batch: Int
    let inputs: Int
    let outputs: Int
    /// Floats from one image of the input to the next.
    let inputStride: Int
    let walk: pn_convolution_walk
    let isPointwise: Bool
    /// Winograd convolution with fewer multiplications; nil if it is not faster.
    let winograd: WinogradConvolution?
    /// Winograd convolution for the input gradient, which is a convolution of the output gradient; nil if it is not
    /// faster.
    let backwardWinograd: WinogradConvolution?

    init(x: Tensor, weight: Tensor, bias: Tensor?, stride: Int, padding: ConvolutionPadding) {
        precondition(
            x.shape.count == 4 && weight.shape.count == 4 && x.shape[1] == weight.shape[1]
                && bias?.shape ?? [weight.shape[0]] == [weight.shape[0]] && stride > 0,
            "convolution: x \(x.shape), weight \(weight.shape), bias \(String(describing: bias?.shape)), "
                + "stride \(stride) do not fit")
        self.init(
            batch: x.shape[0], inputs: x.shape[1], outputs: weight.shape[0], size: (x.shape[2], x.shape[3]),
            kernel: (weight.shape[2], weight.shape[3]), stride: stride, padding: padding)
    }

    /// - Parameters:
    ///   - inputs: channels of an image.
    ///   - outputs: channels of an image of the result.
    ///   - size: height and width of an image.
    ///   - kernel: height and width of the filter.
    ///   - inputStride: floats from one image to the next, which then may overlap; nil for images behind one another.
    init(
        batch: Int, inputs: Int, outputs: Int, size: (height: Int, width: Int), kernel: (height: Int, width: Int),
        stride: Int, padding: ConvolutionPadding, inputStride: Int? = nil
    ) {
        let (height, width) = size
        let freeHeight = height + padding.top + padding.bottom - kernel.height
        let freeWidth = width + padding.left + padding.right - kernel.width
        precondition(
            freeHeight >= 0 && freeWidth >= 0,
            "convolution: a filter of \(kernel.height) x \(kernel.width) is larger than images of \(height) x \(width) "
                + "with \(padding)")
        (self.batch, self.inputs, self.outputs) = (batch, inputs, outputs)
        self.inputStride = inputStride ?? inputs * height * width
        walk = pn_convolution_walk(
            height: height, width: width, kernel_height: kernel.height, kernel_width: kernel.width, stride: stride,
            top: padding.top, left: padding.left, out_height: freeHeight / stride + 1,
            out_width: freeWidth / stride + 1)
        winograd =
            WinogradConvolution.pays(batch: batch, inputs: inputs, walk: walk)
            ? WinogradConvolution(
                batch: batch, inputs: inputs, outputs: outputs, walk: walk, inputStride: self.inputStride) : nil
        // Padding larger than the reach of the filter would need a crop instead.
        let reach = kernel.height - 1
        var backward = walk
        (backward.height, backward.width) = (walk.out_height, walk.out_width)
        (backward.out_height, backward.out_width) = (height, width)
        (backward.top, backward.left) = (max(0, reach - padding.top), max(0, reach - padding.left))
        let fits = padding.top <= reach && padding.left <= reach
        backwardWinograd =
            fits && WinogradConvolution.pays(batch: batch, inputs: outputs, walk: backward)
            ? WinogradConvolution(batch: batch, inputs: outputs, outputs: inputs, walk: backward) : nil
        isPointwise = kernel.height == 1 && kernel.width == 1 && stride == 1 && padding == .none
    }

    var outputShape: [Int] { [batch, outputs, walk.out_height, walk.out_width] }
    var inputPlane: Int { walk.height * walk.width }
    var outputPlane: Int { walk.out_height * walk.out_width }
    /// Elements of a filter per channel.
    var taps: Int { walk.kernel_height * walk.kernel_width }
    /// Elements of a filter over all input channels.
    var inner: Int { inputs * taps }

    /// A part of the output that is computed at once: several whole images, or some rows of one.
    struct Tile {
        let pictures: Range<Int>
        let rows: Range<Int>
        let pixels: Int
    }

    /// The tiles of `pictures`: few enough pixels that their columns stay in the cache, and enough that packing the
    /// weights in each matmul costs little.
    ///
    /// - Parameter parts: the minimum number of tiles, if there are enough pixels.
    func tiles(of pictures: Range<Int>, parts: Int) -> [Tile] {
        let share = (pictures.count * outputPlane + parts - 1) / parts
        let most = min(share, min(max((1 << 20) / inner, 256), 4096))
        if outputPlane <= most {
            let together = most / outputPlane
            return stride(from: pictures.lowerBound, to: pictures.upperBound, by: together).map { first in
                let range = first..<min(first + together, pictures.upperBound)
                return Tile(pictures: range, rows: 0..<walk.out_height, pixels: range.count * outputPlane)
            }
        }
        let rows = max(1, most / walk.out_width)
        return pictures.flatMap { picture in
            stride(from: 0, to: walk.out_height, by: rows).map { first in
                let range = first..<min(first + rows, walk.out_height)
                return Tile(pictures: picture..<picture + 1, rows: range, pixels: range.count * walk.out_width)
            }
        }
    }

    /// Computes out = bias + weight * x with inputs converted to a type. Winograd convolution uses float32, because
    /// bf16 would round differences of pixels.
    ///
    /// - Parameters:
    ///   - x: [B, C, H, W].
    ///   - weight: [O, C, kh, kw].
    ///   - bias: [O].
    ///   - out: [B, O, H', W'].
    ///   - pictureStride: floats from one image of `out` to the next, if `out` is part of a larger tensor.
    ///   - rectified: whether negative results become 0.
    func multiply<Element: ProductFactor>(
        _ x: UnsafePointer<Float>, weight: Tensor, as type: Element.Type, bias: UnsafePointer<Float>?,
        into out: UnsafeMutablePointer<Float>, pictureStride: Int? = nil, rectified: Bool = false
    ) {
        let pictureStride = pictureStride ?? outputs * outputPlane
        if let winograd {
            winograd.withFilters(weight.pointer) {
                winograd.multiply(
                    x, filters: $0, bias: bias, into: out, pictureStride: pictureStride, rectified: rectified)
            }
            return
        }
        let tiles = tiles(of: 0..<batch, parts: Threads.count)
        let weight = weight.rounded(to: type)
        parallelFor(tiles.count) { index in
            let tile = tiles[index]
            withColumns(x, of: tile, channels: 0..<inputs, as: type) { columns in
                withOutput(out, pictureStride, of: tile) { target, stride in
                    for channel in 0..<outputs {
                        (target + channel * stride).update(repeating: bias?[channel] ?? 0, count: tile.pixels)
                    }
                    MatrixProduct.onThisThread(
                        rows: outputs, columns: tile.pixels, inner: inner, weight.matrix(stride: inner), columns,
                        beta: 1, into: target, stride: stride)
                    if rectified { pn_relu_rows(outputs, tile.pixels, stride, target) }
                }
            }
        }
    }

    /// Calls `body` with the columns [channels kh kw, pixels] of a tile. They are the input itself if the filter is 1 x
    /// 1 and the type is float32.
    func withColumns<Element: ProductFactor>(
        _ x: UnsafePointer<Float>, of tile: Tile, channels: Range<Int>, as type: Element.Type,
        _ body: (Matrix<Element>) -> Void
    ) {
        func first(_ picture: Int) -> UnsafePointer<Float> {
            x + picture * inputStride + channels.lowerBound * inputPlane
        }
        if isPointwise && tile.pictures.count == 1 && type == Float.self {
            let input = first(tile.pictures.lowerBound) + tile.rows.lowerBound * walk.width
            body(Matrix(type.inPlace(input), stride: inputPlane))
            return
        }
        let count = channels.count * taps * tile.pixels
        withWorkspace(count) { columns in
            withUnsafePointer(to: walk) { walk in
                for (place, picture) in tile.pictures.enumerated() {
                    pn_convolution_columns(
                        walk, channels.count, tile.rows.lowerBound, tile.rows.count, first(picture), tile.pixels,
                        columns + place * outputPlane)
                }
            }
            body(Matrix(type.roundedInPlace(columns, count: count), stride: tile.pixels))
        }
    }

    /// Calls `body` with memory for a tile's output [O, pixels]: the output itself, or scratch memory from which
    /// several images are then copied to the output.
    private func withOutput(
        _ out: UnsafeMutablePointer<Float>, _ pictureStride: Int, of tile: Tile,
        _ body: (_ target: UnsafeMutablePointer<Float>, _ stride: Int) -> Void
    ) {
        if tile.pictures.count == 1 {
            let first = tile.pictures.lowerBound * pictureStride + tile.rows.lowerBound * walk.out_width
            body(out + first, outputPlane)
            return
        }
        withWorkspace(outputs * tile.pixels) { target in
            body(target, tile.pixels)
            for (place, picture) in tile.pictures.enumerated() {
                for channel in 0..<outputs {
                    (out + picture * pictureStride + channel * outputPlane).update(
                        from: target + channel * tile.pixels + place * outputPlane, count: outputPlane)
                }
            }
        }
    }
}
