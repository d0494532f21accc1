/// Reads pictures of a collection in the order of the collection, as the middle square that training sees without random
/// crops and flips.
///
/// For one thread at a time.
public final class SquareReader {
    private let collection: ImageCollection
    private let imageSize: Int
    private let reader: PictureReader

    /// - Parameters:
    ///   - imageSize: the side of the squares in pixels.
    ///   - fastDecode: as the loader's.
    // See ByteBlock.
    @inline(never)
    public init(_ collection: ImageCollection, imageSize: Int, fastDecode: Bool = false) {
        self.collection = collection
        self.imageSize = imageSize
        reader = PictureReader(fastDecode: fastDecode)
    }

    /// The pictures at some places of the collection's samples, without those that cannot be read.
    ///
    /// - Parameter unreadable: told the reason for each that cannot.
    /// - Returns: the batch; its `indices` say which pictures it holds. nil where none can be read.
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
            pixels: pixels, labels: indices.map { collection.samples[$0].label }, indices: indices, imageSize: imageSize
        )
    }
}
