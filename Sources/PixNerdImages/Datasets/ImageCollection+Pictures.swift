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

    /// The collection of one image file, below its folder. The file is not opened.
    public static func picture(_ path: String) -> ImageCollection {
        ImageCollection(
            root: (path as NSString).deletingLastPathComponent, classes: ["pictures"],
            samples: [Sample(path: path, label: 0)])
    }

    /// Indices into `samples` of at most `count` images, evenly spread.
    public func evenPlaces(_ count: Int) -> [Int] {
        let taken = min(count, samples.count)
        return (0..<taken).map { $0 * samples.count / taken }
    }

    /// The headers of at most `count` evenly spread images, without those that cannot be read.
    func headers(_ count: Int) -> [PictureHeader] {
        let reader = PictureReader(PictureDecoding())
        return evenPlaces(count).compactMap { place in
            try? PictureHeader(reader.bytes(of: samples[place]), name: samples[place].name)
        }
    }

    /// Height and width in pixels of the first image that can be read, as it is shown; nil if there is none.
    public var firstSize: (height: Int, width: Int)? {
        let reader = PictureReader(PictureDecoding())
        for sample in samples {
            guard let header = try? reader.check(reader.bytes(of: sample), name: sample.name).header else { continue }
            let (width, height) = header.orientation.shown(width: header.width, height: header.height)
            return (height, width)
        }
        return nil
    }

    /// The median length in pixels of the shorter side, over at most 32 evenly spread images; 1 if none can be read.
    public var usualSide: Int {
        let sides = headers(32).map { min($0.width, $0.height) }
        return sides.isEmpty ? 1 : max(1, sides.sorted()[sides.count / 2])
    }

    /// Reads images at their own sizes, on all threads.
    ///
    /// - Parameters:
    ///   - places: indices into `samples`.
    ///   - decoding: how files are decoded; the format of pixels does not count.
    public func read(
        _ places: [Int], decoding: PictureDecoding = PictureDecoding()
    ) -> [Result<RGBImage, PixNerdError>] {
        read(places, decoding) { try $0.read($1) }
    }

    /// Reads images at their own sizes with the values of a format, on all threads.
    ///
    /// - Parameters:
    ///   - places: indices into `samples`.
    ///   - decoding: how files are decoded, and to which pixels.
    public func readValues(_ places: [Int], decoding: PictureDecoding) -> [Result<ValueImage, PixNerdError>] {
        read(places, decoding) { try $0.readValues($1) }
    }

    private func read<Picture: Sendable>(
        _ places: [Int], _ decoding: PictureDecoding, _ read: (PictureReader, Sample) throws -> Picture
    ) -> [Result<Picture, PixNerdError>] {
        // One stretch of images per thread, as a decoder can be reused from image to image.
        let stretch = (places.count + Threads.count - 1) / Threads.count
        let starts = Array(stride(from: 0, to: places.count, by: max(stretch, 1)))
        return parallelMap(starts.count) { index in
            let reader = PictureReader(decoding)
            return places[starts[index]..<min(starts[index] + stretch, places.count)].map { place in
                Result { try read(reader, samples[place]) }.mapError {
                    $0 as? PixNerdError ?? PixNerdError(.system, "\(samples[place].name):", found: "\($0)")
                }
            }
        }.flatMap { $0 }
    }
}
