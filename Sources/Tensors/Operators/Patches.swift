/// How a picture [B, C, H, W] is cut into patches, row by row.
public struct PatchGrid: Sendable, Equatable {
    public let batch: Int
    public let channels: Int
    public let rows: Int
    public let columns: Int
    /// The side of a patch in pixels.
    public let patch: Int

    /// - Precondition: `shape` is [B, C, H, W] and the patch divides H and W.
    public init(shape: [Int], patch: Int) {
        precondition(
            shape.count == 4 && shape[2] % patch == 0 && shape[3] % patch == 0,
            "PatchGrid: a patch of \(patch) does not divide pictures of shape \(shape)")
        (batch, channels, rows, columns) = (shape[0], shape[1], shape[2] / patch, shape[3] / patch)
        self.patch = patch
    }

    /// Patches of all pictures.
    public var patches: Int { batch * rows * columns }
    public var imageShape: [Int] { [batch, channels, rows * patch, columns * patch] }

    /// Calls `body` with the offset in the image of each row of pixels of patch `index`, and its channel and row.
    @inline(__always)
    private func forEachPixelRow(of index: Int, _ body: (_ offset: Int, _ channel: Int, _ row: Int) -> Void) {
        let (picture, place) = (index / (rows * columns), index % (rows * columns))
        let (width, height) = (columns * patch, rows * patch)
        for channel in 0..<channels {
            for row in 0..<patch {
                let y = place / columns * patch + row
                body(((picture * channels + channel) * height + y) * width + place % columns * patch, channel, row)
            }
        }
    }

    /// [B, C, H, W] to [B, N, C P P], each patch channel by channel: what the patch embedding reads.
    public func tokens(_ image: Tensor) -> Tensor {
        let out = Tensor(uninitialized: [batch, rows * columns, channels * patch * patch])
        copyTokens(image.pointer, into: out.storage.pointer)
        return Tape.record("patches", out, from: [image]) { upstream in
            let gradient = Tensor(uninitialized: imageShape)
            parallelFor(patches) { index in
                let source = upstream.pointer + index * channels * patch * patch
                forEachPixelRow(of: index) { offset, channel, row in
                    (gradient.storage.pointer + offset).update(
                        from: source + (channel * patch + row) * patch, count: patch)
                }
            }
            image.node?.add(gradient)
        }
    }

    private func copyTokens(_ image: UnsafePointer<Float>, into out: UnsafeMutablePointer<Float>) {
        parallelFor(patches) { index in
            let target = out + index * channels * patch * patch
            forEachPixelRow(of: index) { offset, channel, row in
                (target + (channel * patch + row) * patch).update(from: image + offset, count: patch)
            }
        }
    }

    /// [B, C, H, W] to [B N, P P, C], each patch pixel by pixel: what the field reads.
    public func pixels(_ image: Tensor) -> Tensor {
        let out = Tensor(uninitialized: [patches, patch * patch, channels])
        gatherPixels(image.pointer, into: out.storage.pointer)
        return Tape.record("patches", out, from: [image]) { upstream in
            let gradient = Tensor(uninitialized: imageShape)
            scatterPixels(upstream.pointer, into: gradient.storage.pointer)
            image.node?.add(gradient)
        }
    }

    /// [B N, P P, C] back to [B, C, H, W].
    public func image(fromPixels pixels: Tensor) -> Tensor {
        precondition(
            pixels.shape == [patches, patch * patch, channels],
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
            let target = out + index * channels * patch * patch
            forEachPixelRow(of: index) { offset, channel, row in
                for x in 0..<patch { target[(row * patch + x) * channels + channel] = image[offset + x] }
            }
        }
    }

    private func scatterPixels(_ pixels: UnsafePointer<Float>, into image: UnsafeMutablePointer<Float>) {
        parallelFor(patches) { index in
            let source = pixels + index * channels * patch * patch
            forEachPixelRow(of: index) { offset, channel, row in
                for x in 0..<patch { image[offset + x] = source[(row * patch + x) * channels + channel] }
            }
        }
    }
}
