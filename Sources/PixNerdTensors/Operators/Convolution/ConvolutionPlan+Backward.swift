import CPixNerdKernels

/// The backward pass of a convolution.
extension ConvolutionPlan {
    /// Computes gradient[O, C, kh, kw] = upstream x^T + beta gradient. Each thread takes input channels.
    func addWeightGradient(
        _ x: UnsafePointer<Float>, upstream: UnsafePointer<Float>, beta: Float,
        into gradient: UnsafeMutablePointer<Float>
    ) {
        if let winograd {
            winograd.addWeightGradient(x, upstream: upstream, beta: beta, into: gradient)
            return
        }
        let tiles = tiles(of: 0..<batch, parts: 1)
        parallelChunks(inputs, of: (inputs + Threads.count - 1) / Threads.count) { channels in
            for (index, tile) in tiles.enumerated() {
                withColumns(x, of: tile, channels: channels, as: Float.self) { columns in
                    withUpstream(upstream, of: tile) { upstream in
                        MatrixProduct.onThisThread(
                            rows: outputs, columns: channels.count * taps, inner: tile.pixels, upstream,
                            Matrix(columns.pointer, stride: columns.stride, transposed: true),
                            beta: index == 0 ? beta : 1, into: gradient + channels.lowerBound * taps, stride: inner)
                    }
                }
            }
        }
    }

    /// Adds the sums of upstream over images and pixels to gradient[O].
    func addBiasGradient(upstream: UnsafePointer<Float>, into gradient: UnsafeMutablePointer<Float>) {
        parallelFor(outputs) { channel in
            let sum = (0..<batch).reduce(0.0) {
                $0 + pn_sum_of(outputPlane, upstream + ($1 * outputs + channel) * outputPlane)
            }
            gradient[channel] += Float(sum)
        }
    }

    /// Computes gradient[B, C, H, W] = weight^T upstream + beta gradient. Each thread takes images, or input channels
    /// if there are fewer images than threads.
    func addInputGradient(
        upstream: UnsafePointer<Float>, weight: UnsafePointer<Float>, beta: Float,
        into gradient: UnsafeMutablePointer<Float>
    ) {
        if let winograd = backwardWinograd {
            winograd.withFilters(weight, turned: true) {
                winograd.multiply(upstream, filters: $0, bias: nil, adds: beta != 0, into: gradient)
            }
            return
        }
        let groups = min(batch, Threads.count)
        let blocks = min(inputs, (Threads.count + groups - 1) / groups)
        parallelFor(groups * blocks) { index in
            let pictures = part(index / blocks, of: groups, from: batch)
            let channels = part(index % blocks, of: blocks, from: inputs)
            if beta == 0 && !isPointwise {
                for picture in pictures {
                    (gradient + (picture * inputs + channels.lowerBound) * inputPlane).update(
                        repeating: 0, count: channels.count * inputPlane)
                }
            }
            for tile in tiles(of: pictures, parts: 1) {
                withUpstream(upstream, of: tile) { upstream in
                    addInputGradient(
                        upstream, weight: weight, tile: tile, channels: channels, beta: beta, into: gradient)
                }
            }
        }
    }

    private func addInputGradient(
        _ upstream: Matrix<Float>, weight: UnsafePointer<Float>, tile: Tile, channels: Range<Int>, beta: Float,
        into gradient: UnsafeMutablePointer<Float>
    ) {
        let filters = Matrix(weight + channels.lowerBound * taps, stride: inner, transposed: true)
        if isPointwise {
            let first = channels.lowerBound * inputPlane + tile.rows.lowerBound * walk.width
            // In a tile of several images they are side by side; in the gradient they follow one another.
            let pixels = tile.pixels / tile.pictures.count
            for (place, picture) in tile.pictures.enumerated() {
                MatrixProduct.onThisThread(
                    rows: channels.count, columns: pixels, inner: outputs, filters,
                    upstream.from(column: place * pixels), beta: beta,
                    into: gradient + picture * inputs * inputPlane + first, stride: inputPlane)
            }
            return
        }
        withWorkspace(channels.count * taps * tile.pixels) { columns in
            MatrixProduct.onThisThread(
                rows: channels.count * taps, columns: tile.pixels, inner: outputs, filters, upstream, beta: 0,
                into: columns, stride: tile.pixels)
            withUnsafePointer(to: walk) { walk in
                for (place, picture) in tile.pictures.enumerated() {
                    pn_convolution_columns_backward(
                        walk, channels.count, tile.rows.lowerBound, tile.rows.count,
                        columns + place * outputPlane, tile.pixels,
                        gradient + (picture * inputs + channels.lowerBound) * inputPlane)
                }
            }
        }
    }

    /// Part `index` of 0 ..< length split into `count` nearly equal parts.
    private func part(_ index: Int, of count: Int, from length: Int) -> Range<Int> {
        index * length / count..<(index + 1) * length / count
    }

    /// Calls `body` with the tile [O, pixels] of `upstream`, the images of the tile side by side.
    private func withUpstream(_ upstream: UnsafePointer<Float>, of tile: Tile, _ body: (Matrix<Float>) -> Void) {
        if tile.pictures.count == 1 {
            let first = tile.pictures.lowerBound * outputs * outputPlane + tile.rows.lowerBound * walk.out_width
            body(Matrix(upstream + first, stride: outputPlane))
            return
        }
        withWorkspace(outputs * tile.pixels) { gathered in
            for (place, picture) in tile.pictures.enumerated() {
                for channel in 0..<outputs {
                    (gathered + channel * tile.pixels + place * outputPlane).update(
                        from: upstream + (picture * outputs + channel) * outputPlane, count: outputPlane)
                }
            }
            body(Matrix(gathered, stride: tile.pixels))
        }
    }
}
