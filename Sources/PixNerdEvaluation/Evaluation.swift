import PixNerdDistributed
import PixNerdSupport
import PixNerdTensors

/// Compares pictures of one side with those of another, by all measures that what is given allows.
public struct Evaluation {
    /// What decides the numbers beside the pictures and the network.
    public struct Settings: Sendable {
        /// Decides subsets, halves, resamples, directions and places of patches.
        public var seed: UInt64 = 0
        /// Pictures that are read and go through the network at once.
        public var batch = 32
        /// Resamples for intervals; none for 0.
        public var resamples = 20
        /// Subsets of the kernel distance, and pictures in one.
        public var subsets = 100
        public var subsetSize = 1000
        /// Pictures of each side that precision and recall look at, at most; 10,000 in ADM's evaluation.
        public var manifoldSize = 10_000
        /// Height and width that pictures are brought to; nil for those of the generated ones.
        public var size: PictureExtent?
        /// Side of the patches that the generated pictures are made of; nil where seams are looked for at 4, 8, 16, 32.
        public var patch: Int?
        /// Whether the two sides are the same pictures before and after something, in the same order.
        public var arePairs = false
        /// Of the network's large products.
        public var precision = Precision.fp32

        public init() {}
    }

    private let real: EvaluationSource
    private let generated: EvaluationSource
    private let extractor: (any FeatureExtractor)?
    /// The same network, for the real pictures.
    private let realExtractor: (any FeatureExtractor)?
    private let weights: String?
    private let settings: Settings
    private let extraction: SharedExtraction

    /// - Parameters:
    ///   - extractor: the network, where there is one, and the path of its weights for the report.
    ///   - communicator: the processes that send pictures through it; all but rank 0 `serve` meanwhile.
    ///   - directory: where features of the real pictures are kept for later evaluations, if anywhere.
    /// - Throws: `EvaluationError` where there is nothing to compare, in one sentence that says why.
    public init(
        real: EvaluationSource, generated: EvaluationSource, extractor: (any FeatureExtractor)?, weights: String?,
        keepingRealFeaturesIn directory: String? = nil, communicator: Communicator = .alone, settings: Settings
    ) throws {
        extraction = SharedExtraction(communicator, precision: settings.precision)
        (self.real, self.generated, self.extractor, self.weights) = (real, generated, extractor, weights)
        realExtractor =
            both(extractor, directory).map { KeptFeatures(of: $0, in: "\($1)/\(settings.precision.rawValue)") }
            ?? extractor
        self.settings = settings
        try settings.precision.check()
        for source in [real, generated] where extractor == nil && source.pictures == nil {
            guard real.statistics == nil || generated.statistics == nil else { continue }
            throw EvaluationError(
                "\(source.path) holds statistics of features and the other side pictures; give the --weights of the "
                    + "network that they are of.")
        }
        if let extractor {
            for source in [real, generated] {
                guard let width = source.statistics?.pool.dimensions, width != extractor.width else { continue }
                throw EvaluationError(
                    "\(source.path) holds statistics of \(width) features, but \(extractor.title) has "
                        + "\(extractor.width); use the network that they are of.")
            }
        }
        if let patch = settings.patch, let size, real.pictures != nil, generated.pictures != nil {
            guard PatchSeam.isMeasurable(patch: patch, height: size.height, width: size.width) else {
                throw EvaluationError(
                    "Seams of patches of \(patch) cannot be told in pictures of \(size); a patch of at least 2 that fits "
                        + "twice into both sides is expected.")
            }
        }
        if let (a, b) = both(real.statistics, generated.statistics), a.pool.dimensions != b.pool.dimensions {
            throw EvaluationError(
                "\(real.path) holds statistics of \(a.pool.dimensions) features and \(generated.path) of "
                    + "\(b.pool.dimensions); they are of other networks.")
        }
    }

    /// The pictures of both sides that will be read, for a progress bar.
    public var pictures: Int { (real.pictures?.count ?? 0) + (generated.pictures?.count ?? 0) }

    /// What the pictures come to; nil without pictures.
    public var size: PictureExtent? { settings.size ?? generated.pictures?.size ?? real.pictures?.size }

    /// Reads the pictures and measures them.
    ///
    /// - Parameters:
    ///   - progress: told how many pictures of both sides have been read.
    ///   - computing: told what is computed of them next.
    ///   - unreadable: told why a picture is left out.
    /// - Returns: the report, and the statistics of both sides where they are known.
    /// - Throws: `EvaluationError` where too few pictures can be read; what reading throws.
    public func run(
        program: String, progress: (_ pictures: Int) -> Void = { _ in },
        computing: (_ what: String) -> Void = { _ in },
        unreadable: (_ reason: String) -> Void = { _ in }
    ) throws -> (report: EvaluationReport, real: StoredStatistics?, generated: StoredStatistics?) {
        var done = 0
        func measure(_ source: EvaluationSource, isReal: Bool) throws -> SideMeasurement? {
            guard let pictures = source.pictures, let size else { return nil }
            let measuresPixels = real.pictures != nil && generated.pictures != nil
            guard extractor != nil || measuresPixels else { return nil }
            var side = SideMeasurement(
                pictures, size: size, isHalved: isReal && pictures.count >= 4, measuresPixels: measuresPixels,
                seed: settings.seed)
            var problems: [String] = []
            func note(_ reason: String) {
                problems.append(reason)
                unreadable(reason)
            }
            // Generated pictures are measured as they are, unless a size is asked for.
            let crops = isReal || settings.size != nil
            var waiting: [PixelBatch] = []
            func take() throws {
                let features = try (isReal ? realExtractor : extractor).map { try extraction.features(of: waiting, $0) }
                for (place, batch) in waiting.enumerated() {
                    side.add(batch, features?[place])
                    done += batch.count
                }
                waiting = []
                progress(done)
            }
            side.cropped = try pictures.forEachBatch(
                size: size, crops: crops, batch: settings.batch, unreadable: note
            ) { batch in
                waiting.append(batch)
                if waiting.count == extraction.width { try take() }
            }
            if !waiting.isEmpty { try take() }
            side.unreadable = problems
            guard side.count >= 2 else {
                throw EvaluationError(
                    "\(pictures.path) holds \(side.count) pictures that can be read; at least 2 are needed.")
            }
            return side
        }
        let realSide = try measure(real, isReal: true)
        let generatedSide = try measure(generated, isReal: false)
        if extractor != nil { extraction.end() }
        var measures: [EvaluationReport.Measure] = []
        let realFeatures = SideFeatures(real, realSide)
        let generatedFeatures = SideFeatures(generated, generatedSide)
        let comparison = FeatureComparison(
            real: realFeatures, generated: generatedFeatures,
            isSortedByName: generated.pictures?.isSortedByName ?? false,
            titles: extractor?.distanceTitles ?? ("Fréchet distance", "Kernel distance"), settings: settings)
        measures += try comparison.measures(computing)
        if let (a, b) = both(realSide, generatedSide) {
            measures += PixelComparison(real: a, generated: b, settings: settings).measures(computing)
        }
        if settings.arePairs {
            computing("pairs")
            measures += try PairComparison(real: real, generated: generated, size: size, batch: settings.batch)
                .measures()
        }
        guard !measures.isEmpty else {
            throw EvaluationError(
                "\(real.path) and \(generated.path) have nothing that can be compared; give pictures on both sides, or "
                    + "--weights.")
        }
        let features = extractor.map {
            EvaluationReport.Features(
                network: $0.title + (settings.precision == .fp32 ? "" : ", products in \(settings.precision.rawValue)"),
                weights: weights ?? "", hash: $0.fingerprint)
        }
        let report = EvaluationReport(
            program: program, real: report(of: real, realSide), generated: report(of: generated, generatedSide),
            size: size, features: features, seed: settings.seed, resamples: settings.resamples, measures: measures,
            spectra: both(realSide?.spectrum, generatedSide?.spectrum).map {
                EvaluationReport.Spectra(real: $0.mean(), generated: $1.mean())
            })
        return (report, realFeatures.stored, generatedFeatures.stored)
    }

    private func report(of source: EvaluationSource, _ side: SideMeasurement?) -> EvaluationReport.Side {
        EvaluationReport.Side(
            path: source.path, pictures: side?.count ?? source.statistics?.count,
            unreadable: side?.unreadable.count ?? 0, cropped: side?.cropped ?? 0, isStored: source.statistics != nil)
    }
}
