import Foundation
import PixNerdImages

/// A sheet of samples, each beside the training images that are nearest to it.
enum MemorisationSheet {
    /// A sample and its neighbours.
    struct Row {
        let sample: RGBImage
        /// Number of the sample, from 0.
        let number: Int
        let nearest: Neighbor
        let second: Neighbor
        /// The neighbours' images, turned to the side on which they are near.
        let images: [RGBImage]
        let isMemorised: Bool

        var label: String {
            let (near, far) = (nearest.distance, second.distance)
            let ratio = near == 0 ? 0 : near / far
            return "no. \(number)\(isMemorised ? ": a copy" : "")"
                + String(format: " ratio %.2f, %.4g of %.4g", ratio, near, far)
                + (nearest.isMirrored ? ", mirrored" : "")
        }
    }

    /// Most rows below each other.
    private static let rowsInColumn = 8

    /// Draws rows of a sample, its nearest and its second nearest training image, in columns from left to right.
    ///
    /// - Parameter parts: what the distances are of, and the rows; at least one row in all.
    static func make(_ parts: [(name: String, rows: [Row])]) -> RGBImage {
        ImageGrid.sideBySide(
            parts.flatMap { name, rows in
                stride(from: 0, to: rows.count, by: rowsInColumn).map { first in
                    ImageGrid.make(
                        rows: rows[first..<min(first + rowsInColumn, rows.count)].map { row in
                            (
                                label: parts.count > 1 ? "\(name), \(row.label)" : row.label,
                                images: [row.sample] + row.images
                            )
                        }, padding: 4)
                }
            })
    }
}
