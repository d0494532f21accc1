import PixNerdEvaluation
import PixNerdImages
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// Measures samples of a model in training by their distance to real images: held-out ones, or some of those that are
/// trained on. The process that samples has it.
final class DistanceMeter {
    private let task: any TrainingTask
    private let real: EvaluationSource
    private let extractor: (any FeatureExtractor)?
    private let weights: String?
    private let settings: Evaluation.Settings
    /// Number of samples.
    private let count: Int
    /// Names of the measures that are kept.
    private let names: [String]
    /// What was measured of the real images.
    private var measured: Evaluation.MeasuredReal?

    /// Number of bootstrap resamples.
    private static let resamples = 20

    /// Reads the real images, twice as many as samples.
    ///
    /// - Parameter unreadable: Receives the reason for each image that is left out.
    /// - Returns: nil if nothing is measured.
    /// - Throws: `PixNerdError` if fewer than two real images can be read, or the network of the features cannot.
    init?(
        _ preparation: any TrainingPreparation, _ task: any TrainingTask, unreadable: (_ reason: String) -> Void
    ) throws {
        let (configuration, holdout) = (preparation.configuration, preparation.holdout)
        let training = configuration.training
        guard training.distanceEvery > 0 else { return nil }
        (self.task, count) = (task, training.distanceImages)
        let (collection, places) =
            holdout.source.map { ($0, holdout.measured(2 * training.distanceImages)) }
            ?? (holdout.trained, holdout.trained.evenPlaces(2 * training.distanceImages))
        let reader = CropReader(
            collection, companions: nil, imageSize: configuration.data.imageSize,
            isPadded: configuration.data.crop.padsImages, decoding: preparation.decoding)
        let format = preparation.decoding.format
        let images = places.flatMap { place in
            reader.read([place], unreadable: unreadable).map { shownPictures(PixelSpace(format).encode($0), format) }
                ?? []
        }
        guard images.count >= 2 else {
            throw PixNerdError(
                .malformed, "\(collection.root):",
                found: "\(images.count == 1 ? "one image" : "no image") can be read to measure distances to",
                expected: "at least 2", advice: "remove damaged images, or set training.distance_every to 0")
        }
        real = EvaluationSource(images, name: collection.root)
        weights = training.distanceWeights.isEmpty ? nil : training.distanceWeights
        extractor = try weights.map { try FeatureNetwork.inception.extractor(path: $0, input: .torchFidelity) }
        let patch =
            configuration.space == .pixel ? (preparation as? DenoiserPreparation)?.architecture.patchSize ?? 0 : 0
        let (height, width) = (images[0].height, images[0].width)
        let hasSeams = patch > 0 && PatchSeam.isMeasurable(patch: patch, height: height, width: width)
        names = ["swd", "seam_\(patch)", "fid"]
        var settings = Evaluation.Settings()
        settings.resamples = Self.resamples
        settings.size = ImageSize(height: height, width: width)
        settings.patch = hasSeams ? patch : nil
        settings.precision = configuration.precision
        self.settings = settings
    }

    /// Samples with the current weights and measures.
    ///
    /// - Throws: `PixNerdError` if the images are too small for any of the measures.
    func distances() throws -> [MeasuredDistance] {
        let evaluation = try Evaluation(
            real: real, generated: EvaluationSource(try task.samples(count), name: "samples"), extractor: extractor,
            weights: weights, settings: settings)
        let measured = try self.measured ?? evaluation.measuredReal()
        self.measured = measured
        return try evaluation.run(program: "", real: measured).report.measures
            .filter { names.contains($0.name) }.compactMap(MeasuredDistance.init)
    }
}
