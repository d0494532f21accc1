import PixNerdImages
import PixNerdModels
import PixNerdSupport

extension DenoiserCheckpoint {
    /// The metadata key of the pixels' format.
    package static let pixelFormatKey = "pixel_format"

    /// The channels and values of the images that a model in pixels makes; nil if the checkpoint does not say, as those of
    /// 8-bit colours do not.
    ///
    /// - Throws: `PixNerdError` if the metadata is damaged.
    public var pixelFormat: PixelFormat? {
        get throws {
            guard let text = metadata[Self.pixelFormatKey] else { return nil }
            guard let format = JSON.value(PixelFormat.self, from: text) else {
                throw PixNerdError(
                    .malformed, "\(path):", found: "its metadata \(Self.pixelFormatKey) is damaged",
                    expected: "channels, element and range of the pixels", advice: "use another copy of the checkpoint")
            }
            return format
        }
    }
}
