import Foundation
import PixNerdSupport
import PixNerdTensors

/// Images without classes and at their own size, for evaluation rather than training.
extension ImageCollection {
    /// Finds all images below a folder, whatever its layout.
    ///
    /// - Parameter root: a folder or a zip archive, which is searched recursively and whose images are ordered by path; or
    ///   WebDataset shards, as for `open`.
    /// - Returns: a collection with a single class.
    /// - Throws: `PixNerdError` if the root is missing or contains no images.
    public static func pictures(below root: String) throws -> ImageCollection {
        let labels = LabelOptions(source: .oneClass)
        guard !isShards(root) else { return try TarShards.collection(root: root, labels: labels) }
        return try PictureIndex(PictureTree(root)).collection(ofClass: root)
    }

    /// Indices into `samples` of at most `count` images, evenly spread.
    public func evenPlaces(_ count: Int) -> [Int] {
        let taken = min(count, samples.count)
        return (0..<taken).map { $0 * samples.count / taken }
    }

    /// The median length in pixels of the shorter side, over at most 32 evenly spread images; 1 if none can be read.
    public var usualSide: Int {
        let reader = PictureReader(fastDecode: false)
        let sides = evenPlaces(32).compactMap { place in
            (try? reader.bytes(of: samples[place])).flatMap(PictureFacts.init).map { min($0.width, $0.height) }
        }
        return sides.isEmpty ? 1 : max(1, sides.sorted()[sides.count / 2])
    }

    /// Reads images at their own sizes, on all threads.
    ///
    /// - Parameter places: indices into `samples`.
    public func read(_ places: [Int]) -> [Result<RGBImage, PixNerdError>] {
        // One stretch of images per thread, as a decoder can be reused from image to image.
        let stretch = (places.count + Threads.count - 1) / Threads.count
        let starts = Array(stride(from: 0, to: places.count, by: max(stretch, 1)))
        return parallelMap(starts.count) { index in
            let reader = PictureReader(fastDecode: false)
            return places[starts[index]..<min(starts[index] + stretch, places.count)].map { place in
                Result { try reader.read(samples[place]) }.mapError {
                    $0 as? PixNerdError ?? PixNerdError(.system, "\(samples[place].name):", found: "\($0)")
                }
            }
        }.flatMap { $0 }
    }
}
