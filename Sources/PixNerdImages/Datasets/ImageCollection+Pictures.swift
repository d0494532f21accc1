import Foundation
import PixNerdSupport
import PixNerdTensors

/// Pictures as they are, without classes: what is measured rather than trained on.
extension ImageCollection {
    /// Finds the pictures that a text names, whatever folders they lie in.
    ///
    /// - Parameter root: a folder, whose pictures and those of all folders below it are taken in the order of their
    ///   paths; or WebDataset shards, as for `open`.
    /// - Returns: a collection of one class.
    /// - Throws: `PixNerdError` when it is missing or holds no picture.
    public static func pictures(below root: String) throws -> ImageCollection {
        var status = stat()
        guard stat(root, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            return try open(root: root).withoutClasses
        }
        var samples: [Sample] = []
        var unsupported: [String: Int] = [:]
        for folder in try ImageFolder.foldersBelow(root) {
            for file in folder.files {
                switch PictureExtension(of: file) {
                case .readable: samples.append(Sample(path: joined(folder.path, file), label: 0))
                case .unreadable(let kind): unsupported[kind, default: 0] += 1
                case .none: break
                }
            }
        }
        guard !samples.isEmpty else {
            throw ImageError("\(root) holds no PNG or JPEG picture\(ImageFolder.only(unsupported)).")
        }
        return ImageCollection(root: root, classes: [root], samples: samples, unsupported: unsupported)
    }

    private var withoutClasses: ImageCollection {
        ImageCollection(
            root: root, classes: [root],
            samples: samples.map { Sample(path: $0.path, entry: $0.entry, range: $0.range, label: 0) },
            unsupported: unsupported)
    }

    /// The places in `samples` of at most `count` pictures, evenly spread over all.
    public func evenPlaces(_ count: Int) -> [Int] {
        let taken = min(count, samples.count)
        return (0..<taken).map { $0 * samples.count / taken }
    }

    /// The shorter side of pictures, in pixels: the median of at most 32 that are evenly spread; 1 where none can be read.
    public var usualSide: Int {
        let reader = PictureReader(fastDecode: false)
        let sides = evenPlaces(32).compactMap { place in
            (try? reader.bytes(of: samples[place])).flatMap(PictureFacts.init).map { min($0.width, $0.height) }
        }
        return sides.isEmpty ? 1 : max(1, sides.sorted()[sides.count / 2])
    }

    /// Reads the pictures at some places of `samples` at their own sizes, on all threads.
    public func read(_ places: [Int]) -> [Result<RGBImage, ImageError>] {
        // A stretch of pictures for each thread, as a decoder serves picture after picture.
        let stretch = (places.count + Threads.count - 1) / Threads.count
        let starts = Array(stride(from: 0, to: places.count, by: max(stretch, 1)))
        return parallelMap(starts.count) { index in
            let reader = PictureReader(fastDecode: false)
            return places[starts[index]..<min(starts[index] + stretch, places.count)].map { place in
                Result { try reader.read(samples[place]) }.mapError { ImageError("\($0)") }
            }
        }.flatMap { $0 }
    }
}
