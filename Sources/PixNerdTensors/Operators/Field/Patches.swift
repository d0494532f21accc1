/// The division of images [B, C, H, W] into patches, row by row.
public struct PatchGrid: Sendable, Equatable {
    public let batch: Int
    public let channels: Int
    public let rows: Int
    public let columns: Int
    /// Height of a patch in pixels.
    public let patchHeight: Int
    /// Width of a patch in pixels.
    public let patchWidth: Int

    /// A grid of square patches.
    ///
    /// - Parameters:
    ///   - shape: [B, C, H, W].
    ///   - patch: the side of a patch in pixels.
    /// - Precondition: the patch divides H and W.
    public init(shape: [Int], patch: Int) {
        precondition(
            shape.count == 4 && shape[2] % patch == 0 && shape[3] % patch == 0,
            "PatchGrid: a patch of \(patch) does not divide images of shape \(shape)")
        self.init(shape: shape, rows: shape[2] / patch, columns: shape[3] / patch)
    }

    /// A grid of `rows` x `columns` patches.
    ///
    /// - Parameter shape: [B, C, H, W].
    /// - Precondition: `rows` divides H and `columns` divides W.
    public init(shape: [Int], rows: Int, columns: Int) {
        precondition(
            shape.count == 4 && shape[2] % rows == 0 && shape[3] % columns == 0,
            "PatchGrid: \(rows) x \(columns) patches do not divide images of shape \(shape)")
        (batch, channels) = (shape[0], shape[1])
        (self.rows, self.columns) = (rows, columns)
        (patchHeight, patchWidth) = (shape[2] / rows, shape[3] / columns)
    }

    /// A grid of as many patches over images with another number of channels.
    public func with(channels: Int) -> PatchGrid {
        PatchGrid(
            shape: [batch, channels, rows * patchHeight, columns * patchWidth], rows: rows, columns: columns)
    }

    /// Number of patches of all images.
    public var patches: Int { batch * rows * columns }
    public var imageShape: [Int] { [batch, channels, rows * patchHeight, columns * patchWidth] }
    private var patchPixels: Int { patchHeight * patchWidth }

    /// Calls `body` with the offset in the image of each row of pixels of patch `index`, and with its channel and row.
    @inline(__always)
    private func forEachPixelRow(of index: Int, _ body: (_ offset: Int, _ channel: Int, _ row: Int) -> Void) {
        let (picture, place) = (index / (rows * columns), index % (rows * columns))
        let (width, height) = (columns * patchWidth, rows * patchHeight)
        for channel in 0..<channels {
            for row in 0..<patchHeight {
                let y = place / columns * patchHeight + row
                body(((picture * channels + channel) * height + y) * width + place % columns * patchWidth, channel, row)
            }
        }
    }

    /// Cuts images [B, C, H, W] into tokens [B, N, C P P], each patch channel by channel, as the patch embedding reads
    /// them.
    public func tokens(_ image: Tensor) -> Tensor {
        let out = Tensor(uninitialized: [batch, rows * columns, channels * patchPixels])
        copyTokens(image.pointer, into: out.storage.pointer)
        return Tape.record("patches", out, from: [image]) { upstream in
            let gradient = Tensor(uninitialized: imageShape)
            copyImage(upstream.pointer, into: gradient.storage.pointer)
            image.node?.add(gradient)
        }
    }

    /// Assembles tokens [B, N, C P P] to images [B, C, H, W].
    public func image(fromTokens tokens: Tensor) -> Tensor {
        precondition(
            tokens.shape == [batch, rows * columns, channels * patchPixels],
            "PatchGrid: tokens \(tokens.shape) are not those of \(imageShape)")
        let out = Tensor(uninitialized: imageShape)
        copyImage(tokens.pointer, into: out.storage.pointer)
        return Tape.record("patches", out, from: [tokens]) { upstream in
            let gradient = Tensor(uninitialized: tokens.shape)
            copyTokens(upstream.pointer, into: gradient.storage.pointer)
            tokens.node?.add(gradient)
        }
    }

    private func copyImage(_ tokens: UnsafePointer<Float>, into out: UnsafeMutablePointer<Float>) {
        parallelFor(patches) { index in
            let source = tokens + index * channels * patchPixels
            forEachPixelRow(of: index) { offset, channel, row in
                (out + offset).update(from: source + (channel * patchHeight + row) * patchWidth, count: patchWidth)
            }
        }
    }

    private func copyTokens(_ image: UnsafePointer<Float>, into out: UnsafeMutablePointer<Float>) {
        parallelFor(patches) { index in
            let target = out + index * channels * patchPixels
            forEachPixelRow(of: index) { offset, channel, row in
                (target + (channel * patchHeight + row) * patchWidth).update(from: image + offset, count: patchWidth)
            }
        }
    }

    /// Cuts images [B, C, H, W] into pixels [B N, P P, C], each patch pixel by pixel, as the field reads them.
    public func pixels(_ image: Tensor) -> Tensor {
        let out = Tensor(uninitialized: [patches, patchPixels, channels])
        gatherPixels(image.pointer, into: out.storage.pointer)
        return Tape.record("patches", out, from: [image]) { upstream in
            let gradient = Tensor(uninitialized: imageShape)
            scatterPixels(upstream.pointer, into: gradient.storage.pointer)
            image.node?.add(gradient)
        }
    }

    /// Assembles pixels [B N, P P, C] to images [B, C, H, W].
    public func image(fromPixels pixels: Tensor) -> Tensor {
        precondition(
            pixels.shape == [patches, patchPixels, channels],
            "PatchGrid: pixels \(pixels.shape) are not those of \(imageShape)")
        let out = Tensor(uninitialized: imageShape)
        scatterPixels(pixels.pointer, into: out.storage.pointer)
        return Tape.record("patches", out, from: [pixels]) { upstream in
            let gradient = Tensor(uninitialized: pixels.shape)
            gatherPixels(upstream.pointer, into: gradient.storage.pointer)
            pixels.node?.add(gradient)
        }
    }

    private func gatherPixels(_ image: UnsafePointer<Float>, into out: UnsafeMutablePointer<Float>) {
        parallelFor(patches) { index in
            let target = out + index * channels * patchPixels
            forEachPixelRow(of: index) { offset, channel, row in
                for x in 0..<patchWidth { target[(row * patchWidth + x) * channels + channel] = image[offset + x] }
            }
        }
    }

    private func scatterPixels(_ pixels: UnsafePointer<Float>, into image: UnsafeMutablePointer<Float>) {
        parallelFor(patches) { index in
            let source = pixels + index * channels * patchPixels
            forEachPixelRow(of: index) { offset, channel, row in
                for x in 0..<patchWidth { image[offset + x] = source[(row * patchWidth + x) * channels + channel] }
            }
        }
    }
}

/// Images [B, C, H, W] resized to [B, C, height, width] by nearest-neighbor interpolation, as
/// `torch.nn.functional.interpolate(mode="nearest")`; without a gradient.
public func resizedToNearest(_ image: Tensor, height: Int, width: Int) -> Tensor {
    let (sourceHeight, sourceWidth) = (image.shape[2], image.shape[3])
    guard (height, width) != (sourceHeight, sourceWidth) else { return image.detached }
    let out = Tensor(uninitialized: [image.shape[0], image.shape[1], height, width])
    parallelFor(image.shape[0] * image.shape[1]) { plane in
        let source = image.pointer + plane * sourceHeight * sourceWidth
        let target = out.storage.pointer + plane * height * width
        for y in 0..<height {
            let row = source + y * sourceHeight / height * sourceWidth
            for x in 0..<width { target[y * width + x] = row[x * sourceWidth / width] }
        }
    }
    return out
}
