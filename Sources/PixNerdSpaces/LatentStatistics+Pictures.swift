import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSupport
import PixNerdTensors

extension LatentStatistics {
    /// Number of images that suffices for a scale: about 2^21 pixels, in at least 16 and at most 256 images.
    private static func usualCount(imageSize: ImageSize) -> Int { max(16, min(256, (1 << 21) / imageSize.area)) }

    /// Statistics of the scaled latents of images, sampled evenly from a collection.
    ///
    /// - Parameters:
    ///   - space: the latent space, which also scales the latents.
    ///   - pictures: the collection.
    ///   - imageSize: size of the images' centre crops.
    ///   - count: maximum number of images; nil for a number that suffices for a scale.
    ///   - batch: number of images read and encoded at once.
    ///   - decoding: how files are decoded.
    ///   - unreadable: called with the reason why an image is left out.
    ///   - progress: called with the number of images that are done.
    /// - Throws: `PixNerdError` if none of the images can be read.
    package init(
        of space: LatentSpace, _ pictures: ImageCollection, imageSize: ImageSize, count: Int? = nil, batch: Int = 1,
        decoding: PictureDecoding = PictureDecoding(), unreadable: (_ reason: String) -> Void = { _ in },
        progress: (_ done: Int) -> Void = { _ in }
    ) throws {
        self.init(channels: space.channels)
        let reader = CropReader(pictures, imageSize: imageSize, decoding: decoding)
        let places = pictures.evenPlaces(count ?? Self.usualCount(imageSize: imageSize))
        for start in stride(from: 0, to: places.count, by: batch) {
            let end = min(start + batch, places.count)
            if let loaded = reader.read(places[start..<end], unreadable: unreadable) {
                add(space.encode(loaded) { RandomStream(seed: 0, purpose: .latents, index: loaded.indices[$0]) })
            }
            progress(end)
        }
        guard self.count > 0 else {
            throw PixNerdError(.malformed, "\(pictures.root):", found: "none of the images can be read")
        }
    }
}
