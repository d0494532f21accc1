import PixNerdSupport

/// Overlapping square tiles in which large latents are decoded one after another, which bounds the memory to one tile.
///
/// Tiles are of equal size and evenly spaced, and are blended linearly across their overlaps. (diffusers'
/// `enable_tiling` blends the same way, but places tiles at fixed distances, so that the last ones of a row or column
/// may be very narrow.) The result is approximate: norms and attention see only one tile, whose edges are padded with
/// zeros.
public struct DecodingTiles: Sendable, Equatable {
    /// Side of a tile in latent pixels.
    public let side: Int
    /// Width of the blending between neighbouring tiles in latent pixels; they share at least this many.
    public let overlap: Int

    /// - Throws: `PixNerdError` if the overlap is more than a third of the side, as more than two tiles of a row could
    ///   then overlap.
    public init(side: Int = 64, overlap: Int = 16) throws {
        guard side >= 1, overlap >= 0, overlap <= side / 3 else {
            throw PixNerdError(
                .invalidValue, "tiles of \(side) latent pixels", found: "have an overlap of \(overlap)",
                expected: "a side of at least 1 and an overlap from 0 to a third of it")
        }
        (self.side, self.overlap) = (side, overlap)
    }

    /// Whether latents of this size need more than one tile, so that the decoded image is approximate.
    public func isNeeded(height: Int, width: Int) -> Bool { max(height, width) > side }

    /// The extent of a tile along one axis.
    struct Span: Equatable {
        /// The latent pixels that are decoded.
        let latents: Range<Int>
        /// Blending weight of each decoded pixel.
        let weights: [Float]
    }

    /// The extents of all tiles along an axis; their weights sum to 1 at each pixel.
    ///
    /// - Parameters:
    ///   - length: length of the axis in latent pixels.
    ///   - reduction: image pixels per latent pixel.
    func spans(length: Int, reduction: Int) -> [Span] {
        guard length > side else {
            return [Span(latents: 0..<length, weights: [Float](repeating: 1, count: length * reduction))]
        }
        // The fewest tiles that share at least the overlap (rounded up).
        let count = (length - overlap + side - overlap - 1) / (side - overlap)
        let starts = (0..<count).map { $0 * (length - side) / (count - 1) }
        /// The pixel where tile `index` starts to blend into the next, centred in the part that they share.
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
