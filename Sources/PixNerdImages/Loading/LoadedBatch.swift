/// A batch of labelled pictures, all square and of one size.
public struct LoadedBatch: Sendable, Equatable {
    /// Picture after picture, each `imageSize * imageSize * 3` bytes: rows from top to bottom, interleaved RGB.
    public let pixels: [UInt8]
    /// The class of each picture.
    public let labels: [Int]
    /// The place of each picture in the collection's `samples`.
    public let indices: [Int]
    /// The side of each picture in pixels.
    public let imageSize: Int

    /// How many pictures there are.
    public var count: Int { labels.count }

    public init(pixels: [UInt8], labels: [Int], indices: [Int], imageSize: Int) {
        precondition(
            indices.count == labels.count && pixels.count == labels.count * imageSize * imageSize * 3,
            "LoadedBatch: \(pixels.count) bytes, \(labels.count) labels and \(indices.count) indices do not fit"
                + " pictures of \(imageSize) x \(imageSize)")
        self.pixels = pixels
        self.labels = labels
        self.indices = indices
        self.imageSize = imageSize
    }

    /// The same pictures with left and right changed.
    public var mirrored: LoadedBatch {
        var mirrored = pixels
        // Rows of pictures that stand one after another are rows of one tall picture.
        mirrored.withUnsafeMutableBufferPointer { pixels in
            guard let base = pixels.baseAddress else { return }
            mirrorRows(base, width: imageSize, height: count * imageSize)
        }
        return LoadedBatch(pixels: mirrored, labels: labels, indices: indices, imageSize: imageSize)
    }
}
