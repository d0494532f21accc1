/// Some pixels of each patch of a picture: those where chosen rows and columns of the patch meet, the same in all patches.
///
/// A field that is decoded at more pixels than it was trained at costs as much more; trained at as many pixels of a finer
/// patch as of its own, drawn anew in each step, it learns all of them for the same cost.
public struct PatchPixels: Sendable, Equatable {
    /// The sides of the whole patch in pixels.
    public let height: Int
    public let width: Int
    /// Ascending, in 0 ..< height.
    public let rows: [Int]
    /// Ascending, in 0 ..< width.
    public let columns: [Int]

    /// Draws rows and columns, or takes all where there are no more than wanted.
    ///
    /// - Parameters:
    ///   - height: of the patch in pixels; `width` likewise.
    ///   - side: at most so many rows and columns.
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

    /// Whether the patch has others besides.
    public var isPart: Bool { rows.count < height || columns.count < width }

    /// Features of the positions of these pixels in the patch, [rows * columns, 64], as `fieldPositions` gives them for all.
    public var positions: Tensor {
        let all = fieldPositions(height: height, width: width)
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

    /// These pixels of each patch of pictures, as smaller pictures with as many patches; without a gradient.
    ///
    /// - Parameter image: [B, C, H, W], of which the sides of the patch divide H and W.
    /// - Returns: [B, C, H rows / height, W columns / width].
    public func callAsFunction(_ image: Tensor) -> Tensor {
        precondition(
            image.shape.count == 4 && image.shape[2] % height == 0 && image.shape[3] % width == 0,
            "PatchPixels: patches of \(height) x \(width) do not divide pictures of shape \(image.shape)")
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
