/// A batch of square images of one size, with their classes and, if they were asked for, captions.
public struct LoadedBatch: Sendable, Equatable {
    /// The images one after another, each `imageSize * imageSize * 3` bytes: rows from top to bottom, interleaved RGB.
    public let pixels: [UInt8]
    /// The class of each image.
    public let labels: [Int]
    /// The index of each image in the collection's `samples`.
    public let indices: [Int]
    /// The side of each image in pixels.
    public let imageSize: Int
    /// The caption of each image; nil if the collection was opened without captions.
    public let captions: [String]?

    /// The number of images.
    public var count: Int { labels.count }

    public init(pixels: [UInt8], labels: [Int], indices: [Int], imageSize: Int, captions: [String]? = nil) {
        precondition(
            captions == nil || captions?.count == labels.count,
            "LoadedBatch: \(captions?.count ?? 0) captions for \(labels.count) images")
        precondition(
            indices.count == labels.count && pixels.count == labels.count * imageSize * imageSize * 3,
            "LoadedBatch: \(pixels.count) bytes, \(labels.count) labels and \(indices.count) indices do not fit"
                + " images of \(imageSize) x \(imageSize)")
        self.pixels = pixels
        self.labels = labels
        self.indices = indices
        self.imageSize = imageSize
        self.captions = captions
    }

    /// The batch with every image flipped horizontally.
    public var mirrored: LoadedBatch {
        var mirrored = pixels
        // Consecutive images can be treated as a single tall one.
        mirrored.withUnsafeMutableBufferPointer { pixels in
            guard let base = pixels.baseAddress else { return }
            mirrorRows(base, width: imageSize, height: count * imageSize)
        }
        return LoadedBatch(
            pixels: mirrored, labels: labels, indices: indices, imageSize: imageSize, captions: captions)
    }
}
