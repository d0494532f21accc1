/// The stored values that the images of a collection use, judged by evenly spread images.
public struct UsedLevels: Sendable, Codable, Equatable {
    public let lowest: Float
    public let highest: Float

    /// Images that are read, and values of each.
    private static let (images, values) = (32, 1 << 16)

    /// - Returns: nil if no image can be read, or none of its values is finite.
    init?(_ collection: ImageCollection) {
        let reader = PictureReader(PictureDecoding())
        var (lowest, highest) = (Float.infinity, -Float.infinity)
        for place in collection.evenPlaces(Self.images) {
            guard let image = try? reader.readStored(collection.samples[place]) else { continue }
            image.bytes.withUnsafeBytes { bytes in
                let count = image.width * image.height * image.channels
                for index in stride(from: 0, to: count, by: max(1, count / Self.values)) {
                    // Opacity is no level.
                    if image.hasAlpha, index % image.channels == image.channels - 1 { continue }
                    let value = image.value(index, bytes)
                    guard value.isFinite else { continue }
                    (lowest, highest) = (min(lowest, value), max(highest, value))
                }
            }
        }
        guard lowest <= highest else { return nil }
        (self.lowest, self.highest) = (lowest, highest)
    }

    /// The range to train with, if the images use only a part of that of their type, or are floats; nil if they use most
    /// of it or a single value.
    public func range(of element: Raster.Element) -> ClosedRange<Float>? {
        let full = element.fullRange
        let isPart = highest - lowest < 0.5 * (full.upperBound - full.lowerBound)
        return lowest < highest && (element == .float32 || element == .uint16 && isPart) ? lowest...highest : nil
    }
}

extension ImageCollection {
    /// The stored values that the images use; nil if none can be read.
    public var usedLevels: UsedLevels? { UsedLevels(self) }
}
