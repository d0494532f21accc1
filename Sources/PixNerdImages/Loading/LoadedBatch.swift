import PixNerdSupport

/// The pixels of loaded images, one after another and interleaved, rows from top to bottom.
public enum LoadedPixels: Sendable, Equatable {
    /// 8-bit RGB.
    case bytes([UInt8])
    /// Values of a format's channels, -1 and 1 at the ends of its range.
    case values([Float], PixelFormat)

    /// Copies a loader's memory.
    ///
    /// - Parameter count: number of pixels.
    init(copying memory: UnsafeRawPointer, count: Int, format: PixelFormat) {
        func copy<Value: BitwiseCopyable>(_ type: Value.Type, _ count: Int) -> [Value] {
            [Value](unsafeUninitializedCapacity: count) { buffer, filled in
                buffer.baseAddress?.initialize(from: memory.assumingMemoryBound(to: type), count: count)
                filled = count
            }
        }
        self =
            format.isRGB8
            ? .bytes(copy(UInt8.self, 3 * count)) : .values(copy(Float.self, format.channelCount * count), format)
    }

    /// Joins pixels of one format.
    init(joining parts: [LoadedPixels]) {
        var (bytes, values): ([UInt8], [Float]) = ([], [])
        for part in parts {
            switch part {
            case .bytes(let some): bytes += some
            case .values(let some, _): values += some
            }
        }
        self = parts[0].format.isRGB8 ? .bytes(bytes) : .values(values, parts[0].format)
    }

    public var format: PixelFormat {
        switch self {
        case .bytes: .rgb8
        case .values(_, let format): format
        }
    }

    /// Calls `body` with the memory of all pixels.
    public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        switch self {
        case .bytes(let bytes): try bytes.withUnsafeBytes(body)
        case .values(let values, _): try values.withUnsafeBytes(body)
        }
    }

    /// Values of all pixels together.
    var count: Int {
        switch self {
        case .bytes(let bytes): bytes.count
        case .values(let values, _): values.count
        }
    }

    /// The pixels with every image flipped horizontally.
    ///
    /// - Parameters:
    ///   - width: columns of each image.
    ///   - height: rows of all images together: consecutive images can be treated as a single tall one.
    func mirrored(width: Int, height: Int) -> LoadedPixels {
        func mirrored<Value: BitwiseCopyable>(_ pixels: [Value]) -> [Value] {
            var pixels = pixels
            pixels.withUnsafeMutableBufferPointer { pixels in
                guard let base = pixels.baseAddress else { return }
                mirrorRows(base, width: width, height: height, channels: format.channelCount)
            }
            return pixels
        }
        return switch self {
        case .bytes(let bytes): .bytes(mirrored(bytes))
        case .values(let values, let format): .values(mirrored(values), format)
        }
    }
}

/// A batch of images of one size, with their classes and, if they were asked for, captions.
public struct LoadedBatch: Sendable, Equatable {
    /// The images one after another, each `imageSize.area` pixels.
    public let pixels: LoadedPixels
    /// The class of each image.
    public let labels: [Int]
    /// The index of each image in the collection's `samples`.
    public let indices: [Int]
    /// The size of each image.
    public let imageSize: ImageSize
    /// The caption of each image; nil if the collection was opened without captions.
    public let captions: [String]?
    /// The pixels of each image that are not padding; nil if no image is padded.
    public let covered: [ImageArea]?
    /// The pixels of the images' companions, cropped and flipped as these; nil for images without.
    public let companions: LoadedPixels?

    /// The number of images.
    public var count: Int { labels.count }

    public init(
        pixels: LoadedPixels, labels: [Int], indices: [Int], imageSize: ImageSize, captions: [String]? = nil,
        covered: [ImageArea]? = nil, companions: LoadedPixels? = nil
    ) {
        precondition(
            covered == nil || covered?.count == labels.count,
            "LoadedBatch: \(covered?.count ?? 0) areas for \(labels.count) images")
        precondition(
            captions == nil || captions?.count == labels.count,
            "LoadedBatch: \(captions?.count ?? 0) captions for \(labels.count) images")
        precondition(
            indices.count == labels.count
                && pixels.count == labels.count * imageSize.area * pixels.format.channelCount,
            "LoadedBatch: \(pixels.count) values, \(labels.count) labels and \(indices.count) indices do not fit"
                + " images of \(imageSize)")
        self.pixels = pixels
        self.labels = labels
        self.indices = indices
        self.imageSize = imageSize
        self.captions = captions
        self.covered = covered
        precondition(
            companions == nil || companions?.count == pixels.count,
            "LoadedBatch: \(companions?.count ?? 0) values of companions for \(pixels.count) of images")
        self.companions = companions
    }

    /// The companions as a batch of their own; nil for images without.
    public var ofCompanions: LoadedBatch? {
        companions.map { LoadedBatch(pixels: $0, labels: labels, indices: indices, imageSize: imageSize) }
    }

    /// Joins batches of one size and format, at least one.
    public init(joining batches: [LoadedBatch]) {
        self.init(
            pixels: LoadedPixels(joining: batches.map(\.pixels)), labels: batches.flatMap(\.labels),
            indices: batches.flatMap(\.indices), imageSize: batches[0].imageSize,
            captions: batches[0].captions == nil ? nil : batches.flatMap { $0.captions ?? [] },
            covered: batches[0].covered == nil ? nil : batches.flatMap { $0.covered ?? [] },
            companions: batches[0].companions == nil ? nil : LoadedPixels(joining: batches.compactMap(\.companions)))
    }

    /// The batch with every image flipped horizontally.
    public var mirrored: LoadedBatch {
        LoadedBatch(
            pixels: pixels.mirrored(width: imageSize.width, height: count * imageSize.height), labels: labels,
            indices: indices, imageSize: imageSize, captions: captions,
            covered: covered?.map { $0.mirrored(width: imageSize.width) },
            companions: companions?.mirrored(width: imageSize.width, height: count * imageSize.height))
    }
}
