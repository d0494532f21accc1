import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSupport
import PixNerdTensors

extension LatentStatistics {
    /// Pictures that tell well enough of a scale: about 2^21 pixels, in at least 16 and at most 256 of them.
    private static func usualCount(imageSize: Int) -> Int { max(16, min(256, (1 << 21) / (imageSize * imageSize))) }

    /// Of a collection's pictures, taken evenly from all of it, and of each a sample of its latents.
    ///
    /// - Parameters:
    ///   - space: latents are scaled as it does.
    ///   - imageSize: the side of the pictures' middle squares.
    ///   - count: pictures at most; as many as tell well enough where nil.
    ///   - batch: pictures that are read and encoded at once.
    ///   - unreadable: told why a picture is left out.
    ///   - progress: told how many pictures are done.
    /// - Throws: `TrainingError` where none of the pictures can be read.
    package init(
        of space: LatentSpace, _ pictures: ImageCollection, imageSize: Int, count: Int? = nil, batch: Int = 1,
        fastDecode: Bool = false, unreadable: (_ reason: String) -> Void = { _ in },
        progress: (_ done: Int) -> Void = { _ in }
    ) throws {
        self.init(channels: space.channels)
        let reader = SquareReader(pictures, imageSize: imageSize, fastDecode: fastDecode)
        let places = pictures.evenPlaces(count ?? Self.usualCount(imageSize: imageSize))
        for start in stride(from: 0, to: places.count, by: batch) {
            let end = min(start + batch, places.count)
            if let loaded = reader.read(places[start..<end], unreadable: unreadable) {
                add(space.encode(loaded) { RandomStream(seed: 0, purpose: .latents, index: loaded.indices[$0]) })
            }
            progress(end)
        }
        guard self.count > 0 else { throw TrainingError("None of the pictures in \(pictures.root) can be read.") }
    }
}
