import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// Measures how closely autoencoders reconstruct images, and what each of them costs.
///
/// Images are encoded to the means of their latents and decoded from these, whatever the latent scale. The
/// reconstructions are measured as 8-bit images.
public struct AutoencoderComparison {
    private let checkpoints: [AutoencoderCheckpoint]
    private let source: PictureSource
    private let size: ImageSize
    private let batch: Int
    private let extractor: (any FeatureExtractor)?
    private let weights: String?

    /// - Parameters:
    ///   - pictures: images of another size are centre-cropped and resized to `size`.
    ///   - batch: images that are encoded and decoded at once.
    ///   - extractor: the network for rFID; nil to leave rFID out.
    ///   - weights: the path of the network's weights, for the report.
    /// - Throws: `PixNerdError` if the size does not suit an autoencoder, or if there are no images.
    public init(
        _ checkpoints: [AutoencoderCheckpoint], pictures: EvaluationSource, size: ImageSize, batch: Int,
        extractor: (any FeatureExtractor)? = nil, weights: String? = nil
    ) throws {
        precondition(!checkpoints.isEmpty && batch > 0, "AutoencoderComparison: nothing to compare")
        guard let source = pictures.pictures else {
            throw PixNerdError(
                .mismatch, "\(pictures.path)", found: "holds no images",
                expected: "images for the autoencoders to encode")
        }
        for checkpoint in checkpoints {
            for (name, side) in [("height", size.height), ("width", size.width)] {
                guard let problem = sizeProblem(side, multiple: checkpoint.architecture.reduction) else { continue }
                throw PixNerdError(.invalidValue, "\(checkpoint.path): the image \(name)", found: "\(problem)")
            }
        }
        (self.checkpoints, self.source, self.size, self.batch) = (checkpoints, source, size, batch)
        (self.extractor, self.weights) = (extractor, weights)
    }

    /// Number of images to read plus the number to reconstruct, for a progress bar.
    public var pictures: Int { source.count * (1 + checkpoints.count) }

    /// Reads the images into memory and reconstructs them with one autoencoder after the other.
    ///
    /// - Parameters:
    ///   - program: the name and version of the program, for the report.
    ///   - progress: receives the number of images read or reconstructed so far.
    ///   - unreadable: receives the reason for each image that is skipped.
    /// - Returns: the report, and a sheet that shows some images with their reconstructions.
    /// - Throws: `PixNerdError` if too few images can be read or an autoencoder cannot be used.
    public func run(
        program: String, progress: (_ pictures: Int) -> Void = { _ in },
        unreadable: (_ reason: String) -> Void = { _ in }
    ) throws -> (report: AutoencoderComparisonReport, sheet: RGBImage) {
        var (left, done) = (0, 0)
        var originals = RoundTripOriginals(size, extractor)
        func leaveOut(_ error: PixNerdError) {
            left += 1
            done += 1
            unreadable(error.description)
        }
        let cropped = try source.forEachBatch(size: size, crops: true, batch: batch, unreadable: leaveOut) { batch in
            originals.add(batch)
            done += batch.count
            progress(done)
        }
        let least = extractor == nil ? 1 : 2
        guard originals.count >= least else {
            throw PixNerdError(
                .notFound, "\(source.path)", found: "holds \(originals.count) readable images",
                expected: "at least \(least)\(extractor == nil ? "" : " for rFID")")
        }
        try originals.finish()
        var sheet = RoundTripSheet(originals)
        let entries = try checkpoints.enumerated().map { index, checkpoint in
            let model = try checkpoint.loadForColour()
            var trip = RoundTrip(model, path: checkpoint.path)
            for batch in originals.batches {
                try trip.add(batch, extractor)
                done += batch.count
                progress(done)
            }
            sheet.add(trip.pictures(sheet.places), number: index + 1)
            let architecture = checkpoint.architecture
            return AutoencoderComparisonReport.Entry(
                path: checkpoint.path, name: checkpoint.knownName, fingerprint: model.fingerprint,
                parameters: model.parameterCount, reduction: model.reduction, latentChannels: model.latentChannels,
                encodingMultiplyAdds: architecture.encodingMultiplyAdds(height: size.height, width: size.width),
                decodingMultiplyAdds: architecture.decodingMultiplyAdds(height: size.height, width: size.width),
                measures: try trip.measures(originals))
        }
        let report = AutoencoderComparisonReport(
            program: program,
            pictures: EvaluationReport.Side(
                path: source.path, pictures: originals.count, unreadable: left, cropped: cropped, isStored: false),
            size: size, batch: batch, threads: Threads.count,
            features: extractor.map {
                EvaluationReport.Features(network: $0.title, weights: weights ?? "", hash: $0.fingerprint)
            }, autoencoders: entries)
        return (report, sheet.picture)
    }
}

/// Images to reconstruct, with the statistics that every autoencoder is compared with.
struct RoundTripOriginals {
    private(set) var batches: [PixelBatch] = []
    private(set) var count = 0
    /// Power spectrum of the images; nil if they are too small.
    private(set) var spectrum: PowerSpectrum?
    private(set) var distance: FrechetDistance?
    private let extractor: (any FeatureExtractor)?
    private var features = GaussianAccumulator()

    init(_ size: ImageSize, _ extractor: (any FeatureExtractor)?) {
        if min(size.height, size.width) >= PowerSpectrum.smallestSide {
            spectrum = PowerSpectrum(height: size.height, width: size.width)
        }
        self.extractor = extractor
    }

    mutating func add(_ batch: PixelBatch) {
        batches.append(batch)
        count += batch.count
        spectrum?.add(batch)
        if let extractor { features.add(extractor(batch).pool) }
    }

    /// Fits the normal distribution of the features, if there are any, once for all autoencoders.
    mutating func finish() throws {
        if extractor != nil { distance = try FrechetDistance(to: features.statistics()) }
    }
}
