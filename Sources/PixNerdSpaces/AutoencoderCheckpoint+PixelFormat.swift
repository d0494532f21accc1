import Foundation
import PixNerdImages
import PixNerdModels
import PixNerdSupport

extension AutoencoderCheckpoint {
    /// The part of a configuration that other programs ignore.
    private struct Own: Decodable {
        let format: PixelFormat?
        enum CodingKeys: String, CodingKey { case format = "pixel_format" }
    }

    /// The channels and values of the images; 8-bit colours if the configuration does not say, as published ones do not.
    ///
    /// - Throws: `PixNerdError` if the configuration is damaged.
    public var pixelFormat: PixelFormat {
        get throws {
            guard let configuration else { return .rgb8 }
            do {
                return try JSONDecoder().decode(Own.self, from: configuration).format ?? .rgb8
            } catch {
                throw PixNerdError(
                    .malformed, "\(path):", found: "the pixel_format of its config.json is damaged",
                    expected: "channels, element and range of the pixels", advice: "use another copy")
            }
        }
    }

    /// Loads the model, and checks that its channels are those of its images.
    ///
    /// - Throws: `PixNerdError` if they are not, and the errors of `load()`.
    public func loadWithFormat() throws -> (model: Autoencoder, format: PixelFormat) {
        let format = try pixelFormat
        guard architecture.channels == format.channelCount else {
            throw PixNerdError(
                .mismatch, "\(path)", found: "is an autoencoder for images of \(architecture.channels) channels",
                expected: format == .rgb8 ? "one for RGB images, which have 3" : "one for \(format)")
        }
        return (try load(), format)
    }

    /// Loads the model and checks that it is for RGB images.
    ///
    /// - Throws: `PixNerdError` if its images are no 8-bit colours, and the errors of `load()`.
    public func loadForColour() throws -> Autoencoder {
        let (model, format) = try loadWithFormat()
        guard format == .rgb8 else {
            throw PixNerdError(
                .mismatch, "\(path)", found: "is an autoencoder for images of \(format)",
                expected: "one for RGB images of 8 bits")
        }
        return model
    }
}
