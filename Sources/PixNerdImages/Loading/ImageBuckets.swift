import Dispatch
import Foundation
import PixNerdSupport
import Synchronization

/// The sizes that images are loaded at, and the images of each.
public struct ImageBuckets: Sendable, Equatable {
    /// One size with its images.
    public struct Bucket: Sendable, Equatable {
        public let size: ImageSize
        /// Indices into the collection's `samples`, ascending.
        public let images: [Int]
    }

    /// The sizes that have images.
    public let buckets: [Bucket]

    /// Number of pixels of the largest size.
    public var largestArea: Int { buckets.map(\.size.area).max() ?? 0 }

    /// One size for all images of a collection.
    public init(size: ImageSize, of collection: ImageCollection) {
        self.init([Bucket(size: size, images: Array(collection.samples.indices))])
    }

    private init(_ buckets: [Bucket]) {
        for bucket in buckets {
            precondition(bucket.size.shorterSide > 0, "ImageBuckets: images of \(bucket.size) pixels")
        }
        self.buckets = buckets
    }

    /// Gives each image the size that cuts away least of it; of those with the same shape, the largest that it fills
    /// without being enlarged.
    ///
    /// Reads the headers of all images. One that cannot be read is counted to the first size.
    ///
    /// - Parameters:
    ///   - sizes: the sizes, at least one.
    ///   - exif: whether images are turned as EXIF says before they are cropped.
    public init(sizes: [ImageSize], of collection: ImageCollection, exif: EXIFHandling) {
        precondition(!sizes.isEmpty, "ImageBuckets: no sizes")
        guard sizes.count > 1 else {
            self.init(size: sizes[0], of: collection)
            return
        }
        var images = [[Int]](repeating: [], count: sizes.count)
        for (index, size) in collection.sizes(exif: exif).enumerated() {
            images[size.map { Self.bucket(of: $0, among: sizes) } ?? 0].append(index)
        }
        self.init(zip(sizes, images).filter { !$1.isEmpty }.map { Bucket(size: $0, images: $1) })
    }

    /// The index of the size that suits an image.
    static func bucket(of image: ImageSize, among sizes: [ImageSize]) -> Int {
        func fits(_ size: ImageSize) -> Bool { size.height <= image.height && size.width <= image.width }
        func isBetter(_ one: ImageSize, _ other: ImageSize) -> Bool {
            let (kept, others) = (one.keptShare(of: image), other.keptShare(of: image))
            if kept != others { return kept > others }
            if fits(one) != fits(other) { return fits(one) }
            return fits(one) ? one.area > other.area : one.area < other.area
        }
        return sizes.indices.dropFirst().reduce(0) { best, next in isBetter(sizes[next], sizes[best]) ? next : best }
    }

    /// Sizes of all shapes from twice as high as wide to twice as wide as high, of about the same number of pixels, and the
    /// given one.
    ///
    /// - Parameters:
    ///   - size: the size whose area none exceeds.
    ///   - multiple: the number of which all sides are multiples.
    /// - Returns: the sizes by their width; for each width the largest height.
    public static func sizes(ofArea size: ImageSize, multiple: Int) -> [ImageSize] {
        // No wider than twice as wide as high.
        let widest = max(size.width, Int(Double(2 * size.area).squareRoot()))
        let widths = stride(from: multiple, through: widest, by: multiple)
        let sizes = widths.compactMap { width -> ImageSize? in
            let found = ImageSize(height: size.area / width / multiple * multiple, width: width)
            guard found.height > 0 else { return nil }
            return found == size || (0.5...2).contains(found.ratio) ? found : nil
        }
        // Of two widths with one height, the wider wastes less.
        return sizes.enumerated().filter { place, size in
            place + 1 == sizes.count || sizes[place + 1].height != size.height
        }.map(\.element)
    }
}

extension ImageSize {
    /// The share of an image that is left when it is cut to this shape.
    public func keptShare(of image: ImageSize) -> Double {
        min(ratio, image.ratio) / max(ratio, image.ratio)
    }
}

extension ImageCollection {
    /// The size of each image as it is shown, from its header; nil for one that cannot be read.
    func sizes(exif: EXIFHandling) -> [ImageSize?] {
        let stretch = 256
        let pieces = (samples.count + stretch - 1) / stretch
        let found = Mutex([[ImageSize?]](repeating: [], count: pieces))
        DispatchQueue.concurrentPerform(iterations: pieces) { piece in
            let reader = PictureReader(PictureDecoding(exif: exif))
            let mine = samples[piece * stretch..<min((piece + 1) * stretch, samples.count)].map {
                try? reader.shownSize($0)
            }
            found.withLock { $0[piece] = mine }
        }
        return found.withLock { $0.flatMap { $0 } }
    }
}
