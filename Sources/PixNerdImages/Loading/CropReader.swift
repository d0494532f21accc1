import PixNerdSupport

/// Reads images of a collection as centre crops, or whole with padding, which training uses without random crops and flips.
/// An image with several captions has its first one.
///
/// For use by one thread at a time.
public final class CropReader {
    private let collection: ImageCollection
    private let companions: PictureCompanions?
    /// The size of the crops.
    public let imageSize: ImageSize
    private let transform: ImageTransform
    private let reader: PictureReader
    private let format: PixelFormat

    /// - Parameters:
    ///   - collection: the images.
    ///   - companions: pictures that belong to the images; nil for none.
    ///   - imageSize: the size of the crops.
    ///   - isPadded: whether images are read whole and padded, instead of cropped.
    ///   - decoding: how files are decoded, and to which pixels.
    // See ByteBlock.
    @inline(never)
    public init(
        _ collection: ImageCollection, companions: PictureCompanions? = nil, imageSize: ImageSize,
        isPadded: Bool = false,
        decoding: PictureDecoding = PictureDecoding()
    ) {
        (self.collection, self.companions) = (collection, companions)
        self.imageSize = imageSize
        transform = ImageTransform(crop: isPadded ? .whole : .center)
        reader = PictureReader(decoding)
        format = decoding.format
    }

    /// The name of an image of the collection in messages.
    public func name(at place: Int) -> String { collection.samples[place].name }

    /// The size of an image as it is shown, before it is cropped.
    ///
    /// - Throws: `PixNerdError` if its header cannot be read.
    public func storedSize(_ place: Int) throws -> ImageSize { try reader.shownSize(collection.samples[place]) }

    /// Reads an image.
    ///
    /// - Throws: `PixNerdError` if it cannot be read.
    public func read(_ place: Int) throws -> LoadedBatch {
        var reason: (any Error)?
        guard let batch = read([place], failed: { reason = $0 }) else {
            throw reason ?? PixNerdError(.system, "\(name(at: place))", found: "cannot be read")
        }
        return batch
    }

    /// Reads a batch of images, leaving out those that cannot be read.
    ///
    /// - Parameters:
    ///   - places: indices into the collection's `samples`.
    ///   - unreadable: receives the reason for each image that cannot be read.
    /// - Returns: the batch, whose `indices` say which images it contains; nil if none can be read.
    public func read(
        _ places: some Collection<Int>, unreadable: (_ reason: String) -> Void
    ) -> LoadedBatch? {
        read(places, failed: { unreadable("\($0)") })
    }

    private func read(_ places: some Collection<Int>, failed: (any Error) -> Void) -> LoadedBatch? {
        let bytes = imageSize.area * format.loadedSize
        var indices: [Int] = []
        var covered: [ImageArea] = []
        // A block rather than an array, whose bytes need not lie as floats do.
        let block = ByteBlock()
        let pixels = UnsafeMutableRawPointer(block.reserve(places.count * bytes))
        let others = ByteBlock()
        let companionPixels = companions.map { _ in UnsafeMutableRawPointer(others.reserve(places.count * bytes)) }
        for index in places {
            do {
                let random = ImageTransform.stream(seed: 0, epoch: 0, index: index)
                if let companions, let companionPixels {
                    try reader.readCompanion(
                        companions.samples[index], of: collection.samples[index], transform: transform, size: imageSize,
                        random: random, into: companionPixels + indices.count * bytes)
                }
                let area = try reader.read(
                    collection.samples[index], transform: transform, size: imageSize, random: random,
                    into: pixels + indices.count * bytes)
                covered.append(area)
                indices.append(index)
            } catch {
                failed(error)
            }
        }
        guard !indices.isEmpty else { return nil }
        defer { withExtendedLifetime((block, others)) {} }
        func copied(_ pixels: UnsafeMutableRawPointer) -> LoadedPixels {
            LoadedPixels(copying: pixels, count: indices.count * imageSize.area, format: format)
        }
        return LoadedBatch(
            pixels: copied(pixels),
            labels: indices.map { collection.samples[$0].label }, indices: indices, imageSize: imageSize,
            captions: collection.captions.map { captions in indices.map { captions[$0].first ?? "" } },
            covered: transform.crop.padsImages ? covered : nil, companions: companionPixels.map(copied))
    }
}
