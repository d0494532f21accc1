import PixNerdSupport
import PixNerdTensors

/// The search for the nearest training images, by pixels and by features.
struct MemorisationSearch {
    private var pixels: NearestPixels
    private var features: NearestFeatures?
    private let network: (extraction: SharedExtraction, extractor: any FeatureExtractor)?
    private let batch: Int
    /// Places of the training images that were compared.
    private(set) var places: [Int] = []
    /// Hashes of these images or of their mirror images, whichever is smaller.
    private var hashes: Set<UInt64> = []

    init(
        _ images: PixelBatch, size: ImageSize,
        features network: (extraction: SharedExtraction, extractor: any FeatureExtractor)?, batch: Int
    ) throws {
        (self.network, self.batch) = (network, batch)
        pixels = NearestPixels(images)
        guard network != nil else { return }
        features = NearestFeatures(try extracted(images), mirrored: try extracted(images.mirrored))
    }

    /// Compares training images that are not copies of earlier ones.
    mutating func add(_ images: PixelBatch, _ all: [Int]) throws {
        let mirrored = images.mirrored
        let kept = (0..<images.count).filter {
            hashes.insert(min(images.hash(of: $0), mirrored.hash(of: $0))).inserted
        }
        guard let images = images.part(kept) else { return }
        places += kept.map { all[$0] }
        pixels.add(images)
        guard network != nil else { return }
        let more = try extracted(images)
        features?.add(more)
    }

    /// Features of images, [N, d].
    private func extracted(_ images: PixelBatch) throws -> Tensor {
        guard let (extraction, extractor) = network else { preconditionFailure("MemorisationSearch: no network") }
        let batches = stride(from: 0, to: images.count, by: batch).compactMap { first in
            images.part(Array(first..<min(first + batch, images.count)))
        }
        var parts: [Tensor] = []
        for first in stride(from: 0, to: batches.count, by: extraction.width) {
            let some = Array(batches[first..<min(first + extraction.width, batches.count)])
            parts += try extraction.features(of: some, extractor).map(\.pool)
        }
        let features = Tensor.concatenated(parts)
        guard features.isFinite else {
            throw PixNerdError(
                .notFinite, "\(extractor.title)", found: "gives features that are not finite",
                advice: "check its weights")
        }
        return features
    }

    func measures(samples: Int) -> [MemorisationMeasure] {
        let byPixels = MemorisationMeasure(
            name: MemorisationMeasure.pixels, title: "Memorised, by pixels", found: pixels.found, samples: samples)
        guard let features else { return [byPixels] }
        return [
            byPixels,
            MemorisationMeasure(
                name: MemorisationMeasure.features, title: "Memorised, by features", found: features.found,
                samples: samples),
        ]
    }
}

extension PixelBatch {
    /// A hash of an image's pixels.
    fileprivate func hash(of picture: Int) -> UInt64 {
        var fingerprint = Fingerprint()
        pixels.withUnsafeBytes {
            fingerprint.add(UnsafeRawBufferPointer(rebasing: $0[picture * pictureSize..<(picture + 1) * pictureSize]))
        }
        return fingerprint.bits
    }
}
