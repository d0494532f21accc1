/// Reads images of a collection as centre crops, which training uses without random crops and flips. An image with several
/// captions has its first one.
///
/// For use by one thread at a time.
public final class SquareReader {
    private let collection: ImageCollection
    /// The side of the crops in pixels.
    public let imageSize: Int
    private let reader: PictureReader

    /// - Parameters:
    ///   - collection: the images.
    ///   - imageSize: the side of the crops in pixels.
    ///   - fastDecode: lets the JPEG decoder take shortcuts, as in `BatchLoader`.
    // See ByteBlock.
    @inline(never)
    public init(_ collection: ImageCollection, imageSize: Int, fastDecode: Bool = false) {
        self.collection = collection
        self.imageSize = imageSize
        reader = PictureReader(fastDecode: fastDecode)
    }

    /// The name of an image of the collection in messages.
    public func name(at place: Int) -> String { collection.samples[place].name }

    /// Reads a batch of images, leaving out those that cannot be read.
    ///
    /// - Parameters:
    ///   - places: indices into the collection's `samples`.
    ///   - unreadable: receives the reason for each image that cannot be read.
    /// - Returns: the batch, whose `indices` say which images it contains; nil if none can be read.
    public func read(
        _ places: some Collection<Int>, unreadable: (_ reason: String) -> Void
    ) -> LoadedBatch? {
        let bytes = imageSize * imageSize * 3
        var indices: [Int] = []
        let pixels = [UInt8](unsafeUninitializedCapacity: places.count * bytes) { buffer, count in
            buffer.initialize(repeating: 0)
            for index in places {
                do {
                    try reader.read(
                        collection.samples[index], transform: ImageTransform(), size: imageSize,
                        random: ImageTransform.stream(seed: 0, epoch: 0, index: index),
                        into: buffer.baseAddress! + indices.count * bytes)
                    indices.append(index)
                } catch {
                    unreadable("\(error)")
                }
            }
            count = indices.count * bytes
        }
        guard !indices.isEmpty else { return nil }
        return LoadedBatch(
            pixels: pixels, labels: indices.map { collection.samples[$0].label }, indices: indices,
            imageSize: imageSize,
            captions: collection.captions.map { captions in indices.map { captions[$0].first ?? "" } })
    }
}
