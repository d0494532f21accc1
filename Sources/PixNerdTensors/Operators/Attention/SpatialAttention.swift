import CPixNerdKernels

/// Attention with one head over the pixels of each image. Queries, keys and values are planes of channels.
///
/// Scores are computed in tiles of a few rows, so that memory grows with the number of pixels and not with its square.
/// The backward pass recomputes them from the log of each row's sum of exponentials. Matmuls read the planes as they
/// are, without transposing them.
///
/// - Parameters:
///   - queries: [B, C, H, W].
///   - keys: [B, C, H, W].
///   - values: [B, C, H, W].
/// - Returns: softmax(Q^T K / sqrt(C)) V for each pixel, [B, C, H, W].
public func spatialAttention(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor {
    OperatorProfile.begin("spatialAttention")
    defer { OperatorProfile.end() }
    precondition(
        queries.shape.count == 4 && keys.shape == queries.shape && values.shape == queries.shape,
        "spatialAttention: queries \(queries.shape), keys \(keys.shape), values \(values.shape) do not fit")
    let layout = PlaneAttention(shape: queries.shape)
    let (channels, pixels, tile) = (layout.channels, layout.pixels, layout.rowsPerTile)
    let out = Tensor(uninitialized: queries.shape)
    let logSums = Tensor(uninitialized: [layout.batch, pixels])
    let tiles = (pixels + tile - 1) / tile
    parallelFor(layout.batch * tiles) { index in
        let (picture, row) = (index / tiles, index % tiles * tile)
        let rows = min(tile, pixels - row)
        let at = picture * channels * pixels
        withWorkspace(rows * pixels) { scores in
            layout.scores(rows: rows, from: row, queries.pointer + at, keys.pointer + at, into: scores)
            pn_softmax_rows(rows, pixels, layout.scoreScale, scores, logSums.storage.pointer + picture * pixels + row)
            MatrixProduct.onThisThread(
                rows: channels, columns: rows, inner: pixels, Matrix(values.pointer + at, stride: pixels),
                Matrix(scores, stride: pixels, transposed: true), beta: 0, into: out.storage.pointer + at + row,
                stride: pixels)
        }
    }
    return Tape.record("spatialAttention", out, from: [queries, keys, values]) { upstream in
        let gradients = [queries, keys, values].map { Tensor(uninitialized: $0.shape) }
        parallelFor(layout.batch) { picture in
            let at = picture * channels * pixels
            layout.backward(
                queries: queries.pointer + at, keys: keys.pointer + at, values: values.pointer + at,
                logSums: logSums.pointer + picture * pixels, upstream: upstream.pointer + at,
                queryGradient: gradients[0].storage.pointer + at, keyGradient: gradients[1].storage.pointer + at,
                valueGradient: gradients[2].storage.pointer + at)
        }
        for (input, gradient) in zip([queries, keys, values], gradients) { input.node?.add(gradient) }
    }
}

/// The matmuls of attention over planes [C, N] of one image.
private struct PlaneAttention {
    let batch: Int
    let channels: Int
    let pixels: Int

    init(shape: [Int]) { (batch, channels, pixels) = (shape[0], shape[1], shape[2] * shape[3]) }

    /// Rows of scores per tile: about 1 MiB of scores.
    var rowsPerTile: Int { min(pixels, max(64, (1 << 18) / pixels)) }

    var scoreScale: Float { 1 / Float(channels).squareRoot() }

    /// Computes scores[rows, N] = Q^T K.
    func scores(
        rows: Int, from row: Int, _ queries: UnsafePointer<Float>, _ keys: UnsafePointer<Float>,
        into scores: UnsafeMutablePointer<Float>
    ) {
        MatrixProduct.onThisThread(
            rows: rows, columns: pixels, inner: channels,
            Matrix(queries + row, stride: pixels, transposed: true), Matrix(keys, stride: pixels), beta: 0,
            into: scores, stride: pixels)
    }

    /// Computes the gradients of the queries, keys and values of one image, tile by tile.
    func backward(
        queries: UnsafePointer<Float>, keys: UnsafePointer<Float>, values: UnsafePointer<Float>,
        logSums: UnsafePointer<Float>, upstream: UnsafePointer<Float>, queryGradient: UnsafeMutablePointer<Float>,
        keyGradient: UnsafeMutablePointer<Float>, valueGradient: UnsafeMutablePointer<Float>
    ) {
        let tile = rowsPerTile
        withWorkspace(2 * tile * pixels) { workspace in
            let (probabilities, scoreGradient) = (workspace, workspace + tile * pixels)
            for row in stride(from: 0, to: pixels, by: tile) {
                let rows = min(tile, pixels - row)
                let beta: Float = row == 0 ? 0 : 1
                scores(rows: rows, from: row, queries, keys, into: probabilities)
                pn_softmax_from_log_sum(rows, pixels, scoreScale, logSums + row, probabilities)
                // dV += dO P
                MatrixProduct.onThisThread(
                    rows: channels, columns: pixels, inner: rows, Matrix(upstream + row, stride: pixels),
                    Matrix(probabilities, stride: pixels), beta: beta, into: valueGradient, stride: pixels)
                // dP = dO^T V, and dS = P (dP - sum(P dP)) / sqrt(C)
                MatrixProduct.onThisThread(
                    rows: rows, columns: pixels, inner: channels,
                    Matrix(upstream + row, stride: pixels, transposed: true), Matrix(values, stride: pixels),
                    beta: 0, into: scoreGradient, stride: pixels)
                pn_softmax_backward(rows, pixels, scoreScale, probabilities, scoreGradient)
                // dQ = K dS^T and dK += Q dS
                MatrixProduct.onThisThread(
                    rows: channels, columns: rows, inner: pixels, Matrix(keys, stride: pixels),
                    Matrix(scoreGradient, stride: pixels, transposed: true), beta: 0, into: queryGradient + row,
                    stride: pixels)
                MatrixProduct.onThisThread(
                    rows: channels, columns: pixels, inner: rows, Matrix(queries + row, stride: pixels),
                    Matrix(scoreGradient, stride: pixels), beta: beta, into: keyGradient, stride: pixels)
            }
        }
    }
}
