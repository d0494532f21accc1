import Foundation
import PixNerdDiffusion
import PixNerdEvaluation
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors
import PixNerdTraining

/// Facts about a space, and how closely it reconstructs images.
public struct SpaceRecord: Codable, Sendable {
    public let channels: Int
    public let reduction: Int
    /// Parameters of the autoencoder. This and the following costs are nil in pixel space.
    public let parameters: Int?
    /// Multiply-adds to encode one image.
    public let encoding: Int?
    /// Multiply-adds to decode one image.
    public let decoding: Int?
    public let encodedPerSecond: Double?
    public let decodedPerSecond: Double?
    /// Evaluation of the images and their reconstructions, pair by pair.
    public let roundTrip: EvaluationReport
}

extension PipelineComparison {
    /// Folder or shards of reference images.
    var reference: String {
        settings.evaluation.reference.isEmpty
            ? pipelines[0].configuration.data.root : settings.evaluation.reference
    }

    var referenceLimit: Int {
        let evaluation = settings.evaluation
        return evaluation.referencePictures > 0 ? evaluation.referencePictures : 2 * evaluation.pictures
    }

    /// The network whose features are compared; nil if there is none.
    private func extractor() throws -> (any FeatureExtractor)? {
        let evaluation = settings.evaluation
        guard !evaluation.features.isEmpty else { return nil }
        return try evaluation.network.extractor(path: evaluation.features, input: evaluation.backend)
    }

    private func evaluationSettings(_ pipeline: Pipeline) -> Evaluation.Settings {
        let (evaluation, side) = (settings.evaluation, pipeline.configuration.data.squareSide)
        var result = Evaluation.Settings()
        result.seed = evaluation.seed
        result.batch = evaluation.batch
        result.resamples = evaluation.resamples
        result.size = ImageSize(side)
        result.patch = seamPeriod(pipeline)
        return result
    }

    /// Side of a token in pixels; nil if seams of that period cannot be measured.
    private func seamPeriod(_ pipeline: Pipeline) -> Int? {
        let side = pipeline.configuration.data.squareSide
        return pipeline.tokenSide.flatMap { PatchSeam.isMeasurable(patch: $0, height: side, width: side) ? $0 : nil }
    }

    /// Fingerprint of the network's weight file; nil if there is none.
    static func featuresHash(_ evaluation: ComparisonSettings.EvaluationSection) throws -> String? {
        guard !evaluation.features.isEmpty else { return nil }
        switch evaluation.network {
        case .inception: return try Fingerprint.text(ofFile: evaluation.features)
        case .dinov2: return try Fingerprint.text(ofFile: DINOv2File(path: evaluation.features).tensors.path)
        }
    }

    /// Everything that determines a measure besides the images themselves.
    func measuringSettings(_ pipeline: Pipeline) -> [String: String] {
        let evaluation = settings.evaluation
        var result = [
            "reference": reference, "seed": "\(evaluation.seed)", "resamples": "\(evaluation.resamples)",
            "size": "\(pipeline.configuration.data.squareSide)", "patch": "\(seamPeriod(pipeline) ?? 0)",
        ]
        if let featuresHash {
            result["features"] = featuresHash
            result["network"] = "\(evaluation.network.rawValue), \(evaluation.backend.rawValue)"
        }
        return result
    }

    /// Compares sampled images with the reference.
    func evaluate(_ pipeline: Pipeline, samples: String) throws -> EvaluationReport {
        try evaluate(
            EvaluationSource(path: reference, limit: referenceLimit), EvaluationSource(path: samples),
            evaluationSettings(pipeline))
    }

    private func evaluate(
        _ real: EvaluationSource, _ generated: EvaluationSource, _ settings: Evaluation.Settings
    ) throws -> EvaluationReport {
        let features = self.settings.evaluation.features
        let evaluation = try Evaluation(
            real: real, generated: generated, extractor: extractor(), weights: features.isEmpty ? nil : features,
            keepingRealFeaturesIn: "\(self.settings.path)/reference-features", settings: settings)
        let total = evaluation.pictures
        return try evaluation.run(
            program: program, progress: { onProgress(WorkProgress(done: $0, total: total, details: "images read")) },
            unreadable: { logger.warning("Skipping an unreadable image: \($0)") }
        ).report
    }

    /// Reconstructs reference images in a pipeline's space, and measures the result and its cost.
    func roundTrip(_ pipeline: Pipeline) throws -> SpaceRecord {
        let side = pipeline.configuration.data.squareSide
        let autoencoder =
            pipeline.configuration.space == .latent
            ? try AutoencoderCheckpoint(path: pipeline.configuration.latent.autoencoder).loadForColour() : nil
        var (originals, returned): ([RGBImage], [RGBImage]) = ([], [])
        var (encoding, decoding) = (Duration.zero, Duration.zero)
        var timed = 0
        let (clock, batches) = (ContinuousClock(), try roundTripBatches(side: side))
        for (place, batch) in batches.enumerated() {
            let pictures = PixelSpace().encode(batch)
            originals += roundedPictures(pictures)
            guard let autoencoder else {
                returned += roundedPictures(PixelSpace().decode(pictures))
                continue
            }
            let start = clock.now
            // The mean, so that reconstruction is deterministic.
            let latents = autoencoder.encode(pictures).mean
            let middle = clock.now
            returned += roundedPictures(autoencoder.decode(latents))
            // The first batch is the warm-up, unless it is the only one.
            guard place > 0 || batches.count == 1 else { continue }
            encoding += middle - start
            decoding += clock.now - middle
            timed += batch.count
        }
        let (before, after) = (originalsPath(pipeline.name), roundTripPath(pipeline.name))
        try PictureArray.write(originals, to: before)
        try PictureArray.write(returned, to: after)
        var pairs = evaluationSettings(pipeline)
        pairs.arePairs = true
        func rate(_ duration: Duration) -> Double? {
            autoencoder == nil ? nil : Double(timed) / (duration / .seconds(1))
        }
        let architecture = autoencoder?.architecture
        return SpaceRecord(
            channels: architecture?.latentChannels ?? PixelSpace().channels, reduction: architecture?.reduction ?? 1,
            parameters: architecture?.parameterCount,
            encoding: architecture?.encodingMultiplyAdds(height: side, width: side),
            decoding: architecture?.decodingMultiplyAdds(height: side, width: side), encodedPerSecond: rate(encoding),
            decodedPerSecond: rate(decoding),
            roundTrip: try evaluate(EvaluationSource(path: before), EvaluationSource(path: after), pairs))
    }

    /// Path of the images that a space reconstructs.
    func originalsPath(_ pipeline: String) -> String { "\(settings.path)/samples/\(pipeline)/originals.npz" }

    /// Path of the reconstructions.
    func roundTripPath(_ pipeline: String) -> String { "\(settings.path)/samples/\(pipeline)/round-trips.npz" }

    /// Reference images, sampled evenly.
    private func roundTripBatches(side: Int) throws -> [LoadedBatch] {
        let collection = try ImageCollection.pictures(below: reference)
        let reader = CropReader(collection, imageSize: ImageSize(side))
        let (total, size) = (collection.samples.count, settings.evaluation.batch)
        let count = min(settings.evaluation.roundTrips, total)
        let pictures = (0..<count).compactMap { place -> LoadedBatch? in
            let index = place * total / count
            return reader.read(index..<index + 1) { logger.warning("Skipping an unreadable image: \($0)") }
        }
        guard pictures.count >= 2 else {
            throw PixNerdError(
                .notFound, "\(reference)", found: "holds \(pictures.count) readable images", expected: "at least 2")
        }
        return stride(from: 0, to: pictures.count, by: size).map { start in
            LoadedBatch(joining: Array(pictures[start..<min(start + size, pictures.count)]))
        }
    }
}
