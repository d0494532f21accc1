import PixNerdSupport

/// Overlapping squares in which large latents are decoded one after another, so that memory is bounded by a square.
///
/// Tiles have equal sides and are spread evenly; across their overlaps one fades linearly into the next. (diffusers'
/// `enable_tiling` fades likewise, but lets tiles stand at fixed distances, so that those at the right and lower edge may
/// be slivers.) Tiles are not exact: the norms and the attention of a tile see only the tile, and its edges are padded
/// with zeros.
public struct DecodingTiles: Sendable, Equatable {
    /// Of a tile, in latent pixels.
    public let side: Int
    /// In latent pixels: over which tiles fade into one another; neighbours share at least so many.
    public let overlap: Int

    /// - Throws: `ArchitectureError` where the overlap is more than a third of the side, so that more than two tiles
    ///   could meet in a row.
    public init(side: Int = 64, overlap: Int = 16) throws {
        guard side >= 1, overlap >= 0, overlap <= side / 3 else {
            throw ArchitectureError(
                description:
                    "Tiles of \(side) with an overlap of \(overlap) latent pixels cannot be; an overlap of 0 to a "
                    + "third of the side is expected.")
        }
        (self.side, self.overlap) = (side, overlap)
    }

    /// Whether latents of this size take more than one tile, which makes the picture another than the exact one.
    public func isNeeded(height: Int, width: Int) -> Bool { max(height, width) > side }

    /// A stretch of one axis.
    struct Span: Equatable {
        /// The latent pixels that are decoded.
        let latents: Range<Int>
        /// The weight of each pixel that comes of them.
        let weights: [Float]
    }

    /// The tiles along an axis; the weights of each pixel sum to 1.
    ///
    /// - Parameters:
    ///   - length: of the axis, in latent pixels.
    ///   - reduction: pixels for one latent pixel.
    func spans(length: Int, reduction: Int) -> [Span] {
        guard length > side else {
            return [Span(latents: 0..<length, weights: [Float](repeating: 1, count: length * reduction))]
        }
        // Rounded up: as few as share at least the overlap.
        let count = (length - overlap + side - overlap - 1) / (side - overlap)
        let starts = (0..<count).map { $0 * (length - side) / (count - 1) }
        /// Where tile `index` begins to fade into the next: the fade stands in the middle of what they share.
        func fade(_ index: Int) -> Int { (starts[index] + starts[index + 1] + side - overlap) / 2 * reduction }
        func share(_ pixel: Int, after start: Int) -> Float {
            guard overlap > 0 else { return pixel < start ? 0 : 1 }
            return min(max((Float(pixel - start) + 0.5) / Float(overlap * reduction), 0), 1)
        }
        return starts.enumerated().map { index, start in
            let weights = (start * reduction..<(start + side) * reduction).map { pixel in
                let entered = index == 0 ? 1 : share(pixel, after: fade(index - 1))
                let left = index + 1 == count ? 0 : share(pixel, after: fade(index))
                return min(entered, 1 - left)
            }
            return Span(latents: start..<start + side, weights: weights)
        }
    }
}
