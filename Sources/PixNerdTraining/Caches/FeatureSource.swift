import Foundation
import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// Where the features come from that a run's tokens are aligned with: an encoder that runs in the step, or a cache.
struct FeatureSource {
    private enum Origin {
        case encoder(DINOv2, basePatch: Int)
        case cache(FeatureCache)
    }

    private let origin: Origin

    /// What a configuration asks for; nil where nothing is aligned.
    ///
    /// - Parameter patch: side in pixels of a patch of the model.
    /// - Throws: one sentence where the encoder or the cache cannot be had or does not fit the run.
    init?(_ configuration: Configuration, _ pictures: ImageCollection, patch: Int) throws {
        let repa = configuration.repa
        guard repa.isOn else { return nil }
        let blocks = configuration.model.conditionedBlocks
        guard repa.layer <= blocks else {
            throw ConfigurationError(
                "repa.layer is \(repa.layer), but the model's tokens pass \(blocks) blocks; set it to 1 to \(blocks).")
        }
        let (base, size) = (repa.basePatch > 0 ? repa.basePatch : patch, configuration.data.imageSize)
        guard size % base == 0, size / base == size / patch else {
            throw ConfigurationError(
                "repa.base_patch \(base) makes a grid of features other than the \(size / patch) x \(size / patch) patches "
                    + "of the model at data.image_size \(size); leave it out or set it to \(patch).")
        }
        let encoder =
            repa.encoder.isEmpty
            ? nil : try DINOv2File(path: repa.encoder).load(heads: repa.heads > 0 ? repa.heads : nil)
        guard !repa.features.isEmpty else {
            origin = .encoder(encoder!, basePatch: base)
            return
        }
        let cache = try FeatureCache(path: repa.features, pictures: pictures)
        try cache.check(configuration, basePatch: base)
        if let encoder, encoder.fingerprint != cache.manifest.encoder {
            throw TrainingError(
                "\(repa.features) holds features of another encoder (\(cache.manifest.encoderName)) than repa.encoder "
                    + "\(repa.encoder); make them anew with pixnerd encode features, or leave repa.encoder empty.")
        }
        origin = .cache(cache)
    }

    /// The width of the features.
    var width: Int {
        switch origin {
        case .encoder(let encoder, _): encoder.architecture.width
        case .cache(let cache): cache.manifest.width
        }
    }

    /// The encoder's.
    var fingerprint: String {
        switch origin {
        case .encoder(let encoder, _): encoder.fingerprint
        case .cache(let cache): cache.manifest.encoder
        }
    }

    /// The encoder that runs in the step.
    var encoder: DINOv2Architecture? {
        if case .encoder(let encoder, _) = origin { encoder.architecture } else { nil }
    }

    /// For a person.
    var description: String {
        switch origin {
        case .encoder(let encoder, _):
            "\(encoder.architecture.name), positions \(encoder.architecture.positionResampling.rawValue)"
        case .cache(let cache): "\(cache.manifest.encoderName), from \(cache.path)"
        }
    }

    /// The features of a batch's pictures: [B, N, E].
    ///
    /// - Throws: one sentence where the cache does not hold them.
    func features(of batch: LoadedBatch) throws -> Tensor {
        switch origin {
        case .encoder(let encoder, let basePatch):
            return encoder.features(of: unitRange(PixelSpace().encode(batch)), basePatch: basePatch)
        case .cache(let cache):
            return try cache.features(of: batch)
        }
    }
}
