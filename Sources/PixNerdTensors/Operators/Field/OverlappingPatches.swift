/// Number of pixels around a patch that its field decodes, too.
public struct PatchMargin: Sendable, Equatable {
    /// Number of rows above the patch, and of rows below it.
    public let rows: Int
    /// Number of columns on the left of the patch, and of columns on its right.
    public let columns: Int

    public static let none = PatchMargin(rows: 0, columns: 0)

    public init(rows: Int, columns: Int) {
        precondition(rows >= 0 && columns >= 0, "PatchMargin: \(rows) rows and \(columns) columns are not a margin")
        (self.rows, self.columns) = (rows, columns)
    }
}

/// Images from patches that overlap: where several patches have a value for a pixel, it is their weighted mean.
///
/// Along each axis the weight of a patch falls linearly from 1 to 0 over twice the margin, around its border; those of
/// neighbours sum to 1. At the edge of the image a patch has no neighbour, and the weight stays 1.
///
/// - Parameters:
///   - pixels: [B N, (height + 2 margin.rows) * (width + 2 margin.columns), C], the pixels of each patch and its margin.
///   - grid: the patches of the images without their margins, of C channels.
///   - margin: at most half a patch.
/// - Returns: [B, C, H, W].
public func blendedPatches(_ pixels: Tensor, grid: PatchGrid, margin: PatchMargin) -> Tensor {
    let (rows, columns) = (grid.patchHeight + 2 * margin.rows, grid.patchWidth + 2 * margin.columns)
    precondition(
        pixels.shape == [grid.patches, rows * columns, grid.channels],
        "blendedPatches: pixels \(pixels.shape) are not those of \(grid.imageShape) with a margin")
    precondition(
        2 * margin.rows <= grid.patchHeight && 2 * margin.columns <= grid.patchWidth,
        "blendedPatches: a margin of \(margin) is larger than half a patch")
    guard margin != .none else { return grid.image(fromPixels: pixels) }
    let down = BlendedAxis(patches: grid.rows, side: grid.patchHeight, margin: margin.rows)
    let across = BlendedAxis(patches: grid.columns, side: grid.patchWidth, margin: margin.columns)
    let (height, width, channels) = (down.count, across.count, grid.channels)
    func pixel(_ picture: Int, _ row: BlendedAxis.Source, _ column: BlendedAxis.Source) -> Int {
        let patch = (picture * grid.rows + row.patch) * grid.columns + column.patch
        return (patch * rows + row.place) * columns + column.place
    }
    let out = Tensor(uninitialized: grid.imageShape)
    parallelFor(grid.batch * height) { place in
        let (picture, y) = (place / height, place % height)
        for channel in 0..<channels {
            let target = out.storage.pointer + ((picture * channels + channel) * height + y) * width
            for x in 0..<width {
                var sum: Float = 0
                for row in down.sources[y] {
                    for column in across.sources[x] {
                        let value = pixels.pointer[pixel(picture, row, column) * channels + channel]
                        sum += row.weight * column.weight * value
                    }
                }
                target[x] = sum
            }
        }
    }
    return Tape.record("blendedPatches", out, from: [pixels]) { upstream in
        let gradient = Tensor(zeros: pixels.shape)
        parallelFor(grid.batch * grid.rows) { place in
            let (picture, patchRow) = (place / grid.rows, place % grid.rows)
            for y in down.reach(of: patchRow) {
                for row in down.sources[y] where row.patch == patchRow {
                    for x in 0..<width {
                        for column in across.sources[x] {
                            let target = gradient.storage.pointer + pixel(picture, row, column) * channels
                            for channel in 0..<channels {
                                target[channel] =
                                    row.weight * column.weight
                                    * upstream.pointer[((picture * channels + channel) * height + y) * width + x]
                            }
                        }
                    }
                }
            }
        }
        pixels.node?.add(gradient)
    }
}

/// Which patches decode the places along an axis, and their weights.
private struct BlendedAxis: Sendable {
    struct Source: Sendable {
        let patch: Int
        /// Place in the patch with its margin.
        let place: Int
        let weight: Float
    }

    /// One or two patches for each place along the axis.
    let sources: [[Source]]
    private let side: Int
    private let margin: Int

    var count: Int { sources.count }

    init(patches: Int, side: Int, margin: Int) {
        (self.side, self.margin) = (side, margin)
        sources = (0..<patches * side).map { position in
            let (patch, offset) = (position / side, position % side)
            // The other patch that decodes it, and how far inside this one's border it is.
            let (other, depth) = offset < side / 2 ? (patch - 1, offset) : (patch + 1, side - 1 - offset)
            let own = Source(patch: patch, place: offset + margin, weight: 1)
            guard depth < margin, (0..<patches).contains(other) else { return [own] }
            let weight = (Float(depth + margin) + 0.5) / Float(2 * margin)
            return [
                Source(patch: patch, place: offset + margin, weight: weight),
                Source(patch: other, place: position - other * side + margin, weight: 1 - weight),
            ]
        }
    }

    /// Places that a patch has a part in.
    func reach(of patch: Int) -> Range<Int> { max(0, patch * side - margin)..<min(count, (patch + 1) * side + margin) }
}
