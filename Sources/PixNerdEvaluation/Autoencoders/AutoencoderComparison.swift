import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// How near pictures come back through autoencoders, and what each of them costs.
///
/// Pictures are encoded to the means of their latents and decoded from these, whatever the scale is, and measured as
/// 8-bit pictures.
public struct AutoencoderComparison {
    private let checkpoints: [AutoencoderCheckpoint]
    private let source: PictureSource
    private let size: PictureExtent
    private let batch: Int
    private let extractor: (any FeatureExtractor)?
    private let weights: String?

    /// - Parameters:
    ///   - pictures: pictures of another size are cropped and scaled to `size` if that is a square.
    ///   - batch: pictures that are encoded and decoded at once.
    ///   - extractor: the network of rFID, where there is one, and the path of its weights for the report.
    /// - Throws: one sentence where an autoencoder does not fit the size, or where there are no pictures.
    public init(
        _ checkpoints: [AutoencoderCheckpoint], pictures: EvaluationSource, size: PictureExtent, batch: Int,
        extractor: (any FeatureExtractor)? = nil, weights: String? = nil
    ) throws {
        precondition(!checkpoints.isEmpty && batch > 0, "AutoencoderComparison: nothing to compare")
        guard let source = pictures.pictures else {
            throw EvaluationError("\(pictures.path) holds no pictures, which an autoencoder could encode.")
        }
        for checkpoint in checkpoints {
            for (name, side) in [("height", size.height), ("width", size.width)] {
                guard let problem = sizeProblem(side, multiple: checkpoint.architecture.reduction) else { continue }
                throw EvaluationError("\(checkpoint.path): the \(name) of the pictures \(problem)")
            }
        }
        (self.checkpoints, self.source, self.size, self.batch) = (checkpoints, source, size, batch)
        (self.extractor, self.weights) = (extractor, weights)
    }

    /// Pictures that are read and those that come back, for a progress bar.
    public var pictures: Int { source.count * (1 + checkpoints.count) }

    /// Reads the pictures, which stay in memory, and sends them through one autoencoder after the other.
    ///
    /// - Parameters:
    ///   - progress: told how many pictures were read or came back.
    ///   - unreadable: told why a picture is left out.
    /// - Returns: the report, and a sheet of some pictures with what each autoencoder makes of them.
    /// - Throws: one sentence where too few pictures can be read, or an autoencoder cannot be used.
    public func run(
        program: String, progress: (_ pictures: Int) -> Void = { _ in },
        unreadable: (_ reason: String) -> Void = { _ in }
    ) throws -> (report: AutoencoderComparisonReport, sheet: RGBImage) {
        var (left, done) = (0, 0)
        var originals = RoundTripOriginals(size, extractor)
        func leaveOut(_ reason: String) {
            left += 1
            done += 1
            unreadable(reason)
        }
        let cropped = try source.forEachBatch(size: size, crops: true, batch: batch, unreadable: leaveOut) { batch in
            originals.add(batch)
            done += batch.count
            progress(done)
        }
        let least = extractor == nil ? 1 : 2
        guard originals.count >= least else {
            throw EvaluationError(
                "\(source.path) holds \(originals.count) pictures that can be read; at least \(least) "
                    + "\(least == 1 ? "is" : "are") needed\(extractor == nil ? "" : " for rFID").")
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

/// Pictures that are sent through autoencoders, and what is known of them before.
struct RoundTripOriginals {
    private(set) var batches: [PixelBatch] = []
    private(set) var count = 0
    /// nil where pictures are too small.
    private(set) var spectrum: PowerSpectrum?
    private(set) var distance: FrechetDistance?
    private let extractor: (any FeatureExtractor)?
    private var features = GaussianAccumulator()

    init(_ size: PictureExtent, _ extractor: (any FeatureExtractor)?) {
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

    /// Finds the normal distribution of the features, where there are some, once for all autoencoders.
    mutating func finish() throws {
        if extractor != nil { distance = try FrechetDistance(to: features.statistics()) }
    }
}
