/// A subset of the pixels of each patch of an image: the intersections of selected rows and columns of the patch,
/// identical in all patches.
///
/// A field that is decoded at more pixels costs proportionally more. Training on a finer patch, but on as few of its
/// pixels as before, drawn anew in each step, lets the field learn all of them at the old cost.
public struct PatchPixels: Sendable, Equatable {
    /// Height of the whole patch in pixels.
    public let height: Int
    /// Width of the whole patch in pixels.
    public let width: Int
    /// Selected rows, ascending, in 0 ..< height.
    public let rows: [Int]
    /// Selected columns, ascending, in 0 ..< width.
    public let columns: [Int]

    /// Draws rows and columns at random. If the patch has no more than `side` of them, all are selected.
    ///
    /// - Parameters:
    ///   - height: height of the patch in pixels.
    ///   - width: width of the patch in pixels.
    ///   - side: maximum number of rows and of columns.
    public init(ofPatch height: Int, _ width: Int, atMost side: Int, _ stream: inout RandomStream) {
        (self.height, self.width) = (height, width)
        rows = Self.drawn(side, of: height, &stream)
        columns = Self.drawn(side, of: width, &stream)
    }

    private static func drawn(_ count: Int, of total: Int, _ stream: inout RandomStream) -> [Int] {
        guard count < total else { return Array(0..<total) }
        // Floyd's sampling without replacement (Bentley and Floyd, "A sample of brilliance", 1987).
        var chosen: Set<Int> = []
        for last in total - count..<total {
            let place = stream.nextInteger(below: last + 1)
            chosen.insert(chosen.contains(place) ? last : place)
        }
        return chosen.sorted()
    }

    /// Whether the selection is smaller than the patch.
    public var isPart: Bool { rows.count < height || columns.count < width }

    /// Position features of the selected pixels.
    ///
    /// - Parameter all: features of the whole patch's pixels, such as `fieldPositions`, [height * width, F].
    /// - Returns: [rows * columns, F].
    public func positions(of all: Tensor) -> Tensor {
        precondition(
            all.shape.count == 2 && all.shape[0] == height * width,
            "PatchPixels: position features \(all.shape) are not those of \(height) x \(width) pixels")
        let features = all.shape[1]
        let out = Tensor(uninitialized: [rows.count * columns.count, features])
        for (y, row) in rows.enumerated() {
            for (x, column) in columns.enumerated() {
                (out.storage.pointer + (y * columns.count + x) * features).update(
                    from: all.pointer + (row * width + column) * features, count: features)
            }
        }
        return out
    }

    /// Smaller images with as many patches, made of the selected pixels only; without a gradient.
    ///
    /// - Parameter image: [B, C, H, W]. The sides of the patch divide H and W.
    /// - Returns: [B, C, H rows / height, W columns / width].
    public func callAsFunction(_ image: Tensor) -> Tensor {
        precondition(
            image.shape.count == 4 && image.shape[2] % height == 0 && image.shape[3] % width == 0,
            "PatchPixels: patches of \(height) x \(width) do not divide images of shape \(image.shape)")
        guard isPart else { return image.detached }
        let (sourceHeight, sourceWidth) = (image.shape[2], image.shape[3])
        let (patchRows, patchColumns) = (sourceHeight / height, sourceWidth / width)
        let out = Tensor(
            uninitialized: [image.shape[0], image.shape[1], patchRows * rows.count, patchColumns * columns.count])
        parallelFor(image.shape[0] * image.shape[1]) { plane in
            var target = out.storage.pointer + plane * patchRows * rows.count * patchColumns * columns.count
            for patchRow in 0..<patchRows {
                for row in rows {
                    let source =
                        image.pointer + (plane * sourceHeight + patchRow * height + row) * sourceWidth
                    for patchColumn in 0..<patchColumns {
                        for (place, column) in columns.enumerated() {
                            target[place] = source[patchColumn * width + column]
                        }
                        target += columns.count
                    }
                }
            }
        }
        return out
    }
}
