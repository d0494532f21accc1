/// A subset of the pixels of each patch of an image, and perhaps of those around it: the intersections of selected rows
/// and columns, identical in all patches.
///
/// A field that is decoded at more pixels costs proportionally more. Training on a finer patch, but on as few of its
/// pixels as before, drawn anew in each step, lets the field learn all of them at the old cost.
public struct PatchPixels: Sendable, Equatable {
    /// Height of the whole patch in pixels.
    public let height: Int
    /// Width of the whole patch in pixels.
    public let width: Int
    /// Number of rows above and below the patch, and of columns beside it, that belong to what may be selected.
    public let margin: PatchMargin
    /// Selected rows, ascending, in -margin.rows ..< height + margin.rows.
    public let rows: [Int]
    /// Selected columns, ascending, in -margin.columns ..< width + margin.columns.
    public let columns: [Int]

    /// Draws rows and columns at random. If the patch has no more than `side` of them, all are selected.
    ///
    /// - Parameters:
    ///   - height: height of the patch in pixels.
    ///   - width: width of the patch in pixels.
    ///   - side: maximum number of rows and of columns.
    public init(
        ofPatch height: Int, _ width: Int, margin: PatchMargin = .none, atMost side: Int, _ stream: inout RandomStream
    ) {
        (self.height, self.width, self.margin) = (height, width, margin)
        rows = Self.drawn(side, of: height + 2 * margin.rows, &stream).map { $0 - margin.rows }
        columns = Self.drawn(side, of: width + 2 * margin.columns, &stream).map { $0 - margin.columns }
    }

    /// All pixels of the patch and of its margin.
    public init(ofPatch height: Int, _ width: Int, margin: PatchMargin) {
        (self.height, self.width, self.margin) = (height, width, margin)
        rows = Array(-margin.rows..<height + margin.rows)
        columns = Array(-margin.columns..<width + margin.columns)
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

    /// Whether the selection is other than the pixels of the patch.
    public var isPart: Bool { rows != Array(0..<height) || columns != Array(0..<width) }

    /// Position features of the selected pixels.
    ///
    /// - Parameter all: features of the pixels of the whole patch with its margin, such as `fieldPositions`,
    ///   [(height + 2 margin.rows) * (width + 2 margin.columns), F].
    /// - Returns: [rows * columns, F].
    public func positions(of all: Tensor) -> Tensor {
        let (down, across) = (height + 2 * margin.rows, width + 2 * margin.columns)
        precondition(
            all.shape.count == 2 && all.shape[0] == down * across,
            "PatchPixels: position features \(all.shape) are not those of \(down) x \(across) pixels")
        let features = all.shape[1]
        let out = Tensor(uninitialized: [rows.count * columns.count, features])
        for (y, row) in rows.enumerated() {
            for (x, column) in columns.enumerated() {
                (out.storage.pointer + (y * columns.count + x) * features).update(
                    from: all.pointer + ((row + margin.rows) * across + column + margin.columns) * features,
                    count: features)
            }
        }
        return out
    }

    /// Images with as many patches, made of the selected pixels only; without a gradient. Pixels of the margin beyond
    /// the image are those mirrored at its edge.
    ///
    /// - Parameter image: [B, C, H, W]. The sides of the patch divide H and W.
    /// - Returns: [B, C, H rows / height, W columns / width].
    public func callAsFunction(_ image: Tensor) -> Tensor {
        precondition(
            image.shape.count == 4 && image.shape[2] % height == 0 && image.shape[3] % width == 0,
            "PatchPixels: patches of \(height) x \(width) do not divide images of shape \(image.shape)")
        guard isPart else { return image.detached }
        let (sourceHeight, sourceWidth) = (image.shape[2], image.shape[3])
        precondition(
            margin.rows <= sourceHeight && margin.columns <= sourceWidth,
            "PatchPixels: a margin of \(margin) is larger than the image, \(image.shape)")
        func mirrored(_ place: Int, _ count: Int) -> Int {
            place < 0 ? -1 - place : place >= count ? 2 * count - 1 - place : place
        }
        let (patchRows, patchColumns) = (sourceHeight / height, sourceWidth / width)
        let places = (0..<patchColumns).flatMap { patch in
            columns.map { mirrored(patch * width + $0, sourceWidth) }
        }
        let out = Tensor(
            uninitialized: [image.shape[0], image.shape[1], patchRows * rows.count, patchColumns * columns.count])
        parallelFor(image.shape[0] * image.shape[1]) { plane in
            var target = out.storage.pointer + plane * patchRows * rows.count * patchColumns * columns.count
            for patchRow in 0..<patchRows {
                for row in rows {
                    let y = mirrored(patchRow * height + row, sourceHeight)
                    let source = image.pointer + (plane * sourceHeight + y) * sourceWidth
                    for (place, column) in places.enumerated() { target[place] = source[column] }
                    target += places.count
                }
            }
        }
        return out
    }
}
