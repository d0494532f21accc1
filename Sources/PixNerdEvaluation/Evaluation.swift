import PixNerdDistributed
import PixNerdImages
import PixNerdSupport
import PixNerdTensors

/// Compares the images of one side with those of another, by every measure that the inputs allow.
public struct Evaluation {
    /// Everything that determines the results besides the images and the network.
    public struct Settings: Sendable {
        /// Seed of subsets, halves, resamples, directions and patch positions.
        public var seed: UInt64 = 0
        /// Images that are read and passed through the network at once.
        public var batch = 32
        /// Number of resamples for intervals; 0 for no intervals.
        public var resamples = 20
        /// Number of subsets for the kernel distance.
        public var subsets = 100
        /// Images per side in each of these subsets.
        public var subsetSize = 1000
        /// Maximum number of images per side for precision and recall; 10,000 in ADM's evaluation.
        public var manifoldSize = 10_000
        /// Size that images are cropped and resized to; nil for the size of the generated images.
        public var size: ImageSize?
        /// Side in pixels of the patches that the generated images consist of; nil to look for seams at 4, 8, 16 and
        /// 32.
        public var patch: Int?
        /// Stored values that are black and white, for images of float32 and those that use a part of their type's range;
        /// nil for the whole range.
        public var range: ClosedRange<Float>?
        /// Whether the sides hold the same images in the same order, such as before and after encoding.
        public var arePairs = false
        /// Precision of the network's large matrix multiplications.
        public var precision = Precision.fp32

        public init() {}
    }

    /// The real images, or their statistics.
    public let real: EvaluationSource
    private let generated: EvaluationSource
    private let extractor: (any FeatureExtractor)?
    /// The extractor for the real images, which may cache their features.
    private let realExtractor: (any FeatureExtractor)?
    private let weights: String?
    private let settings: Settings
    /// The channels and values in which both sides are measured.
    private let format: PixelFormat
    private let extraction: SharedExtraction

    /// - Parameters:
    ///   - extractor: the network whose features are compared; nil to measure pixels only.
    ///   - weights: the path of the network's weights, for the report.
    ///   - directory: where to cache features of the real images for later evaluations; nil for no cache.
    ///   - communicator: the processes that share feature extraction; all but rank 0 must call
    ///     `SharedExtraction.serve`.
    /// - Throws: `PixNerdError` if the sides cannot be compared.
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
        format = try Self.commonFormat(real.pictures, generated.pictures, settings.range)
        try settings.precision.check()
        try checkFeatures()
        try checkCounts()
        if let patch = settings.patch, let size, real.pictures != nil, generated.pictures != nil {
            guard PatchSeam.isMeasurable(patch: patch, height: size.height, width: size.width) else {
                throw PixNerdError(
                    .invalidValue, "Seams of patches of \(patch)", found: "cannot be measured in images of \(size)",
                    expected: "a patch of at least 2 pixels that fits twice into height and width")
            }
        }
        if let (a, b) = both(real.statistics, generated.statistics), a.pool.dimensions != b.pool.dimensions {
            throw PixNerdError(
                .mismatch, "\(real.path)",
                found: "holds statistics of \(a.pool.dimensions) features and \(generated.path) of "
                    + "\(b.pool.dimensions)", expected: "statistics from the same network")
        }
    }

    /// Checks before anything is measured that there are enough images, and pairs if they are asked for.
    private func checkCounts() throws {
        let measuresPixels = real.pictures != nil && generated.pictures != nil
        for pictures in [real.pictures, generated.pictures].compactMap({ $0 })
        where pictures.count < 2 && (extractor != nil || measuresPixels) {
            throw PixNerdError(
                .notFound, "\(pictures.path)", found: "holds \(counted(pictures.count, "image"))",
                expected: "at least 2")
        }
        if settings.arePairs {
            _ = try PairComparison(
                real: real, generated: generated, size: size, format: format, settings: settings)
        }
    }

    /// Checks that stored statistics and the network fit together.
    private func checkFeatures() throws {
        for source in [real, generated] where extractor == nil && source.pictures == nil {
            guard real.statistics == nil || generated.statistics == nil else { continue }
            throw PixNerdError(
                .mismatch, "\(source.path)", found: "holds feature statistics and the other side images",
                advice: "set \(Setting.weights) to the network that the statistics were computed with")
        }
        guard let extractor else { return }
        for source in [real, generated] {
            guard let width = source.statistics?.pool.dimensions, width != extractor.width else { continue }
            throw PixNerdError(
                .mismatch, "\(source.path)",
                found: "holds statistics of \(width) features, but \(extractor.title) has \(extractor.width)",
                advice: "use the network that the statistics were computed with")
        }
    }

    /// Number of images of both sides that will be read, for a progress bar.
    public var pictures: Int { (real.pictures?.count ?? 0) + (generated.pictures?.count ?? 0) }

    /// Size at which the images are measured; nil if there are none.
    public var size: ImageSize? { settings.size ?? generated.pictures?.size ?? real.pictures?.size }

    /// What was measured of the real images, for several evaluations with the same ones.
    public struct MeasuredReal {
        fileprivate let side: SideMeasurement?
    }

    /// Reads and measures the real images alone.
    ///
    /// - Parameter unreadable: receives the reason for each image that is skipped.
    /// - Throws: `PixNerdError` if too few images can be read.
    public func measuredReal(unreadable: (_ reason: String) -> Void = { _ in }) throws -> MeasuredReal {
        MeasuredReal(side: try measurement(of: real, isReal: true, { _ in }, unreadable))
    }

    /// Reads the images and measures them.
    ///
    /// - Parameters:
    ///   - program: the name and version of the program, for the report.
    ///   - measured: what an evaluation of the same real images with the same settings measured; nil to read them.
    ///   - progress: receives the number of images of both sides read so far.
    ///   - computing: receives the name of the measure that is computed next.
    ///   - unreadable: receives the reason for each image that is skipped.
    /// - Returns: the report, and the statistics of both sides if they are known.
    /// - Throws: `PixNerdError` if too few images can be read, or if there is nothing to compare.
    public func run(
        program: String, real measured: MeasuredReal? = nil, progress: (_ pictures: Int) -> Void = { _ in },
        computing: (_ what: String) -> Void = { _ in },
        unreadable: (_ reason: String) -> Void = { _ in }
    ) throws -> (report: EvaluationReport, real: StoredStatistics?, generated: StoredStatistics?) {
        let realSide = try measured.map(\.side) ?? measurement(of: real, isReal: true, progress, unreadable)
        let generatedSide = try measurement(
            of: generated, isReal: false, { progress((realSide?.count ?? 0) + $0) }, unreadable)
        if extractor != nil { extraction.end() }
        let realFeatures = SideFeatures(real, realSide)
        let generatedFeatures = SideFeatures(generated, generatedSide)
        let comparison = FeatureComparison(
            real: realFeatures, generated: generatedFeatures,
            isSortedByName: generated.pictures?.isSortedByName ?? false,
            titles: extractor?.distanceTitles ?? ("Fréchet distance", "Kernel distance"), settings: settings)
        var measures = try comparison.measures(computing)
        measures += try pixelMeasures(realSide, generatedSide, computing)
        guard !measures.isEmpty else {
            throw PixNerdError(
                .mismatch, "\(real.path) and \(generated.path)", found: "have nothing that can be compared",
                advice: "use images on both sides, or set \(Setting.weights)")
        }
        let report = report(program: program, realSide, generatedSide, measures)
        return (report, realFeatures.stored, generatedFeatures.stored)
    }

    /// Reads the images of one side in batches; nil if no measure needs them.
    ///
    /// - Parameter progress: receives the number of images of this side read so far.
    private func measurement(
        of source: EvaluationSource, isReal: Bool, _ progress: (_ pictures: Int) -> Void,
        _ unreadable: (_ reason: String) -> Void
    ) throws -> SideMeasurement? {
        guard let pictures = source.pictures, let size else { return nil }
        let measuresPixels = real.pictures != nil && generated.pictures != nil
        guard extractor != nil || measuresPixels else { return nil }
        var side = SideMeasurement(
            pictures, size: size, channels: format.channelCount, isHalved: isReal && pictures.count >= 4,
            measuresPixels: measuresPixels,
            seed: settings.seed)
        let network = isReal ? realExtractor : extractor
        var problems: [String] = []
        func note(_ error: PixNerdError) {
            problems.append(error.description)
            unreadable(error.description)
        }
        // One batch for each process.
        var waiting: [PixelBatch] = []
        func take() throws {
            let features = try network.map { try extraction.features(of: waiting, $0) }
            for (place, batch) in waiting.enumerated() { side.add(batch, features?[place]) }
            waiting = []
            progress(side.count)
        }
        // Generated images are measured at their own size, unless another size is asked for.
        side.cropped = try pictures.forEachBatch(
            size: size, format: format, crops: isReal || settings.size != nil, batch: settings.batch, unreadable: note
        ) { batch in
            waiting.append(batch)
            if waiting.count == extraction.width { try take() }
        }
        if !waiting.isEmpty { try take() }
        side.unreadable = problems
        guard side.count >= 2 else {
            throw PixNerdError(
                .notFound, "\(pictures.path)", found: "holds \(counted(side.count, "readable image"))",
                expected: "at least 2")
        }
        return side
    }

    /// Measures that need no network.
    private func pixelMeasures(
        _ realSide: SideMeasurement?, _ generatedSide: SideMeasurement?, _ computing: (_ what: String) -> Void
    ) throws -> [EvaluationReport.Measure] {
        var measures: [EvaluationReport.Measure] = []
        if let (a, b) = both(realSide, generatedSide) {
            measures += PixelComparison(real: a, generated: b, settings: settings).measures(computing)
        }
        if settings.arePairs {
            computing("pairs")
            measures += try PairComparison(
                real: real, generated: generated, size: size, format: format, settings: settings
            )
            .measures()
        }
        return measures
    }

    private func report(
        program: String, _ realSide: SideMeasurement?, _ generatedSide: SideMeasurement?,
        _ measures: [EvaluationReport.Measure]
    ) -> EvaluationReport {
        let features = extractor.map {
            EvaluationReport.Features(
                network: $0.title + (settings.precision == .fp32 ? "" : ", matmuls in \(settings.precision.rawValue)"),
                weights: weights ?? "", hash: $0.fingerprint)
        }
        return EvaluationReport(
            program: program, real: report(of: real, realSide), generated: report(of: generated, generatedSide),
            size: size, features: features, seed: settings.seed, resamples: settings.resamples, measures: measures,
            leftOut: leftOut(measures, realSide, generatedSide),
            spectra: both(realSide?.spectrum, generatedSide?.spectrum).map {
                EvaluationReport.Spectra(real: $0.mean(), generated: $1.mean())
            })
    }

    /// Measures that the images do not allow, with what they need; nil if there are none.
    private func leftOut(
        _ measures: [EvaluationReport.Measure], _ realSide: SideMeasurement?, _ generatedSide: SideMeasurement?
    ) -> [String]? {
        guard let (a, b) = both(realSide, generatedSide) else { return nil }
        func lacks(_ name: String) -> Bool { !measures.contains { $0.name.hasPrefix(name) } }
        var left: [String] = []
        if !a.pool.isEmpty, !b.pool.isEmpty, lacks("precision") {
            left.append("precision and recall need more than \(FeatureComparison.neighbor) images")
        }
        if lacks("swd") { left.append("the sliced Wasserstein distance needs sides of at least 16 pixels") }
        if lacks("spectrum") { left.append("the power spectrum needs sides of at least 4 pixels") }
        if lacks("seam_") { left.append("seams need sides of at least 8 pixels") }
        if settings.arePairs, lacks("ssim") {
            left.append("SSIM needs sides of at least \(PairMeasures.smallestSide) pixels")
        }
        return left.isEmpty ? nil : left
    }

    private func report(of source: EvaluationSource, _ side: SideMeasurement?) -> EvaluationReport.Side {
        EvaluationReport.Side(
            path: source.path, pictures: side?.count ?? source.statistics?.count,
            unreadable: side?.unreadable.count ?? 0, cropped: side?.cropped ?? 0, isStored: source.statistics != nil)
    }
}
