import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport

extension Configuration {
    /// How the images of a run are decoded.
    ///
    /// - Throws: `PixNerdError` if the channels are not decided and the images do not decide them.
    func decoding(of pictures: ImageCollection) throws -> PictureDecoding {
        PictureDecoding(isFast: data.fastDecode, exif: data.exif, format: try pixelFormat(of: pictures))
    }

    /// The pixels that the images of a run are converted to: those of the configuration, and what it leaves open as a
    /// sample of the images has it.
    private func pixelFormat(of pictures: ImageCollection) throws -> PixelFormat {
        let asked = PixelFormat.Channels(data.channels)
        guard kind != .denoiser || space == .pixel else {
            // An empty path is refused where the space is opened.
            guard !latent.autoencoder.isEmpty else { return .rgb8 }
            let own = try AutoencoderCheckpoint(path: latent.autoencoder).pixelFormat
            if asked ?? own.channels != own.channels || !data.range.isEmpty {
                let key = asked ?? own.channels == own.channels ? "data.range" : "data.channels"
                throw PixNerdError(
                    .mismatch, "\(key)", found: "is set, but the images of latent.vae are \(own)", advice: "remove it")
            }
            return own
        }
        let found = pictures.usualFormat
        // Autoencoders are of 8-bit colours, as published ones are, unless the images are no colours or it is asked for.
        if kind == .autoencoder, asked == nil, data.range.isEmpty, found.element != .float32,
            [.grey, .rgb].contains(found.channels)
        {
            return .rgb8
        }
        let range = data.range.isEmpty ? nil : data.range[0]...data.range[1]
        let format = PixelFormat(asked ?? found.channels, found.element, range: range)
        guard format.element != .float32 || range != nil else {
            throw PixNerdError(
                .notFound, "\(pictures.root)",
                found: "holds images of float32, which do not say what is black and white",
                advice: pictures.usedLevels.map {
                    "set data.range to these two values; those in use go from \($0.lowest) to \($0.highest)"
                } ?? "set data.range to these two values")
        }
        return format
    }
}
