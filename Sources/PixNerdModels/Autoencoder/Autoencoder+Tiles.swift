import PixNerdTensors

extension Autoencoder {
    /// Decodes unscaled latents tile by tile, without a gradient.
    ///
    /// Besides the result, this needs memory for decoding one tile of every image. If one tile covers everything, or
    /// `tiles` is nil, the result equals that of `decode(_:)`; otherwise it is approximate (see `DecodingTiles`).
    ///
    /// - Parameter latents: [B, c, h, w].
    /// - Returns: images [B, C, f h, f w], about -1 ... 1.
    public func decode(_ latents: Tensor, tiles: DecodingTiles?) -> Tensor {
        precondition(latents.shape.count == 4, "Autoencoder: latents \(latents.shape) are not [B, c, h, w]")
        let (height, width) = (latents.shape[2], latents.shape[3])
        guard let tiles, tiles.isNeeded(height: height, width: width) else { return decode(latents) }
        let f = architecture.reduction
        return tiles.blended(
            size: (height, width), factor: f, into: [latents.shape[0], architecture.channels, f * height, f * width]
        ) { rows, columns in
            decode(latents.detached.part(rows: rows, columns: columns))
        }
    }
}

extension DecodingTiles {
    /// Computes tile by tile, and blends the results.
    ///
    /// - Parameters:
    ///   - size: height and width in latent pixels.
    ///   - factor: pixels of the result along a side for each latent pixel.
    ///   - shape: [B, C, factor height, factor width], the shape of the whole.
    ///   - tile: returns the part of the whole for the given rows and columns of latent pixels.
    func blended(
        size: (height: Int, width: Int), factor: Int, into shape: [Int],
        _ tile: (_ rows: Range<Int>, _ columns: Range<Int>) -> Tensor
    ) -> Tensor {
        var whole = Tensor(zeros: shape)
        let columns = spans(length: size.width, reduction: factor)
        for rows in spans(length: size.height, reduction: factor) {
            for columns in columns {
                whole.add(
                    tile(rows.latents, columns.latents), row: rows.latents.lowerBound * factor,
                    column: columns.latents.lowerBound * factor, weights: (rows.weights, columns.weights))
            }
        }
        return whole
    }
}

extension Tensor {
    /// A copy of the given rows and columns of every plane of [B, C, H, W].
    func part(rows: Range<Int>, columns: Range<Int>) -> Tensor {
        let (height, width) = (shape[2], shape[3])
        var part = Tensor(uninitialized: [shape[0], shape[1], rows.count, columns.count])
        withUnsafeBuffer { source in
            part.withUnsafeMutableBuffer { target in
                for line in 0..<shape[0] * shape[1] * rows.count {
                    let row = line / rows.count * height + rows.lowerBound + line % rows.count
                    let start = row * width + columns.lowerBound
                    (target.baseAddress! + line * columns.count).update(
                        from: source.baseAddress! + start, count: columns.count)
                }
            }
        }
        return part
    }

    /// Adds a weighted tile [B, C, h, w] to this [B, C, H, W], with its upper left corner at the given row and column.
    fileprivate mutating func add(_ tile: Tensor, row: Int, column: Int, weights: (rows: [Float], columns: [Float])) {
        let (height, width) = (shape[2], shape[3])
        let (tileHeight, tileWidth) = (tile.shape[2], tile.shape[3])
        withUnsafeMutableBuffer { target in
            tile.withUnsafeBuffer { source in
                weights.columns.withUnsafeBufferPointer { columnWeights in
                    for line in 0..<tile.count / tileWidth {
                        let weight = weights.rows[line % tileHeight]
                        let start = (line / tileHeight * height + row + line % tileHeight) * width + column
                        let (to, from) = (target.baseAddress! + start, source.baseAddress! + line * tileWidth)
                        for i in 0..<tileWidth { to[i] += weight * columnWeights[i] * from[i] }
                    }
                }
            }
        }
    }
}
