import PixNerdDistributed
import PixNerdImages
import PixNerdSupport
import PixNerdTensors

/// Finds for each sample the nearest training images, and counts the samples that are copies of one.
///
/// A copy of the mirror image of a training image is a copy, too. Training images that are equal to others, or to their
/// mirror images, are compared once: a copy of them would be as near to the second as to the first.
public struct Memorisation {
    /// Everything that determines the results besides the images and the network.
    public struct Settings: Sendable {
        /// Seed of the resamples.
        public var seed: UInt64 = 0
        /// Images that pass through the network at once.
        public var batch = 32
        /// Number of resamples for intervals; 0 for no intervals.
        public var resamples = 20
        /// Number of samples that are named and drawn, those first that are the most suspicious.
        public var shown = 16
        /// Size that images are cropped and resized to; nil for the size of the samples.
        public var size: ImageSize?
        /// Stored values that are black and white, as in `Evaluation.Settings`; nil for the whole range.
        public var range: ClosedRange<Float>?
        /// Precision of the network's large matrix multiplications.
        public var precision = Precision.fp32

        public init() {}
    }

    private let training: PictureSource
    private let samples: PictureSource
    private let heldOut: PictureSource?
    private let extractor: (any FeatureExtractor)?
    private let weights: String?
    private let settings: Settings
    private let extraction: SharedExtraction
    /// Size at which the images are compared.
    public let size: ImageSize
    /// The channels and values that images are read with, before they are compared as they are shown, in 8 bits.
    private let format: PixelFormat

    /// Most training images that are compared at once, and most bytes of them.
    private static let (imagesAtOnce, bytesAtOnce) = (512, 64 << 20)

    /// - Parameters:
    ///   - heldOut: images that were not trained on, for a baseline; nil for none.
    ///   - extractor: the network whose features are compared; nil to compare pixels only.
    ///   - weights: the path of the network's weights, for the report.
    ///   - communicator: the processes that share feature extraction; all but rank 0 must call
    ///     `SharedExtraction.serve`.
    /// - Throws: `PixNerdError` if a side holds no images, or if there is not enough memory for samples.
    public init(
        training: EvaluationSource, samples: EvaluationSource, heldOut: EvaluationSource? = nil,
        extractor: (any FeatureExtractor)? = nil, weights: String? = nil, communicator: Communicator = .alone,
        settings: Settings = Settings()
    ) throws {
        func pictures(_ source: EvaluationSource) throws -> PictureSource {
            guard let pictures = source.pictures else {
                throw PixNerdError(
                    .mismatch, "\(source.path)", found: "holds statistics", expected: "images, which can be compared")
            }
            return pictures
        }
        (self.training, self.samples) = (try pictures(training), try pictures(samples))
        self.heldOut = try heldOut.map(pictures)
        (self.extractor, self.weights, self.settings) = (extractor, weights, settings)
        extraction = SharedExtraction(communicator, precision: settings.precision)
        size = settings.size ?? self.samples.size
        format = try Evaluation.commonFormat(self.training, self.samples, settings.range)
        let images = CheckedInt(self.samples.count) + CheckedInt(self.heldOut?.count ?? 0)
        let needed = images * CheckedInt(size.height) * CheckedInt(size.width) * 3
        guard needed.clamped < AvailableMemory.bytes else {
            throw PixNerdError(
                .system, "\(self.samples.path)",
                found: "and held-out images take \(gigabytes(Double(needed.clamped))) of memory, but only "
                    + "\(gigabytes(Double(AvailableMemory.bytes))) are available",
                advice: "compare fewer samples at a time, or smaller ones with \(Setting.size)")
        }
    }

    /// Number of images that will be read, for a progress bar.
    public var pictures: Int { training.count + samples.count + (heldOut?.count ?? 0) }

    /// Reads and compares the images.
    ///
    /// - Parameters:
    ///   - program: the name and version of the program, for the report.
    ///   - progress: receives the number of images read so far.
    ///   - unreadable: receives the reason for each image that is skipped.
    /// - Returns: the report, and a sheet of the most suspicious samples beside their nearest training images.
    /// - Throws: `PixNerdError` if images have other sizes or too few can be read.
    public func run(
        program: String, progress: (_ pictures: Int) -> Void = { _ in },
        unreadable: (_ reason: String) -> Void = { _ in }
    ) throws -> (report: MemorisationReport, sheet: RGBImage) {
        // Samples are measured at their own size, unless another size is asked for.
        let own = try read(samples, crops: settings.size != nil, unreadable)
        let others = try heldOut.map { try read($0, crops: true, unreadable) }
        progress(own.images.count + (others?.images.count ?? 0))
        var search = try MemorisationSearch(
            PixelBatch(joining: [own.images, others?.images].compactMap { $0 }), size: size,
            features: extractor.map { (extraction, $0) },
            batch: settings.batch)
        var side = Side(path: training.path)
        func note(_ error: PixNerdError) { side.note(error, unreadable) }
        let block = max(1, min(Self.imagesAtOnce, Self.bytesAtOnce / (size.height * size.width * 3)))
        side.cropped = try training.forEachPlacedBatch(
            size: size, format: format, crops: true, batch: block, unreadable: note
        ) { batch, places in
            side.pictures += batch.count
            try search.add(batch, places)
            progress(own.images.count + (others?.images.count ?? 0) + side.pictures)
        }
        if extractor != nil { extraction.end() }
        guard search.places.count > 1 else {
            throw PixNerdError(
                .notFound, "\(training.path)",
                found: "holds \(counted(search.places.count, "readable image")) that is not a copy of another",
                expected: "at least 2")
        }
        let measures = search.measures(samples: own.images.count)
        let bootstrap =
            settings.resamples > 0
            ? Bootstrap(resamples: settings.resamples, of: own.images.count, seed: settings.seed) : nil
        let report = MemorisationReport(
            program: program, training: side.report, samples: own.side.report, heldOut: others?.side.report,
            copies: side.pictures - search.places.count, size: size,
            features: extractor.map {
                EvaluationReport.Features(
                    network: $0.title
                        + (settings.precision == .fp32 ? "" : ", matmuls in \(settings.precision.rawValue)"),
                    weights: weights ?? "", hash: $0.fingerprint)
            }, seed: settings.seed, resamples: settings.resamples,
            measures: measures.map { measure in
                measure.report(bootstrap, suspicious: settings.shown) { match($0, $1, own.places, search.places) }
            })
        return (report, try sheet(measures, own.images, search.places))
    }

    /// A side as it is read.
    private struct Side {
        let path: String
        var pictures = 0
        var unreadable = 0
        var cropped = 0

        init(path: String) { self.path = path }

        mutating func note(_ error: PixNerdError, _ told: (_ reason: String) -> Void) {
            unreadable += 1
            told(error.description)
        }

        var report: EvaluationReport.Side {
            EvaluationReport.Side(
                path: path, pictures: pictures, unreadable: unreadable, cropped: cropped, isStored: false)
        }
    }

    /// Reads all images of a source into memory.
    private func read(
        _ source: PictureSource, crops: Bool, _ unreadable: (_ reason: String) -> Void
    ) throws -> (images: PixelBatch, places: [Int], side: Side) {
        var side = Side(path: source.path)
        func note(_ error: PixNerdError) { side.note(error, unreadable) }
        var (pixels, places): ([UInt8], [Int]) = ([], [])
        side.cropped = try source.forEachPlacedBatch(
            size: size, format: format, crops: crops, batch: settings.batch, unreadable: note
        ) { batch, more in
            pixels += batch.pixels
            places += more
        }
        side.pictures = places.count
        guard !places.isEmpty else {
            throw PixNerdError(.malformed, "None of the images in \(source.path)", found: "can be read")
        }
        return (
            PixelBatch(count: places.count, height: size.height, width: size.width, pixels: pixels), places, side
        )
    }

    /// Names a sample and its neighbours.
    private func match(
        _ sample: Int, _ measure: MemorisationMeasure, _ samplePlaces: [Int], _ places: [Int]
    ) -> MemorisationReport.Match {
        let (near, far) = measure.pair(sample)
        return MemorisationReport.Match(
            sample: samples.name(at: samplePlaces[sample]), nearest: training.name(at: places[near.index]),
            isMirrored: near.isMirrored, distance: near.distance, second: training.name(at: places[far.index]),
            secondDistance: far.distance, ratio: measure.ratio(sample), isMemorised: measure.isMemorised(sample))
    }

    /// Draws the most suspicious samples, each beside its nearest and second nearest training image, for each measure.
    private func sheet(_ measures: [MemorisationMeasure], _ own: PixelBatch, _ places: [Int]) throws -> RGBImage {
        let shown = measures.map { measure in measure.suspicious(settings.shown).map { ($0, measure.pair($0)) } }
        let needed = Set(shown.joined().flatMap { [$0.1.nearest.index, $0.1.second.index] })
        let indices = Dictionary(needed.map { (places[$0], $0) }) { first, _ in first }
        var pictures: [Int: RGBImage] = [:]
        // Those that are unreadable were told of before.
        func ignore(_ error: PixNerdError) {}
        try training.only(indices.keys.sorted()).forEachPlacedBatch(
            size: size, format: format, crops: true, batch: settings.batch, unreadable: ignore
        ) { batch, some in
            for (row, place) in some.enumerated() { pictures[indices[place]!] = batch.picture(row) }
        }
        return MemorisationSheet.make(
            zip(measures, shown).map { measure, rows in
                (
                    measure.name == MemorisationMeasure.pixels ? "pixels" : "features",
                    rows.map { sample, pair in
                        MemorisationSheet.Row(
                            sample: own.picture(sample), number: sample, nearest: pair.nearest, second: pair.second,
                            images: [pair.nearest, pair.second].compactMap { neighbor in
                                pictures[neighbor.index].map { neighbor.isMirrored ? $0.mirrored : $0 }
                            }, isMemorised: measure.isMemorised(sample))
                    }
                )
            })
    }
}

extension RGBImage {
    fileprivate var mirrored: RGBImage {
        PixelBatch([self]).map { $0.mirrored.picture(0) } ?? self
    }
}
