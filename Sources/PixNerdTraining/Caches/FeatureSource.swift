import Foundation
import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// The source of the features that a run's tokens are aligned with: an encoder that runs during training, or a cache.
struct FeatureSource {
    private enum Origin {
        case encoder(DINOv2, basePatch: Int)
        case cache(FeatureCache)
    }

    private let origin: Origin

    /// Opens the source that a configuration names; nil if the run is not aligned.
    ///
    /// - Parameters:
    ///   - format: the pixels that images are loaded as.
    ///   - patch: side in pixels of a patch of the model.
    /// - Throws: `PixNerdError` if the encoder or the cache cannot be read or does not fit the run.
    init?(_ configuration: Configuration, _ pictures: ImageCollection, format: PixelFormat, patch: Int) throws {
        let repa = configuration.repa
        guard repa.isOn else { return nil }
        guard format.channels == .grey || format.channels == .rgb else {
            throw PixNerdError(
                .mismatch, "\(pictures.root)",
                found: "holds images of \(format), which encoders of colours do not take",
                advice: "remove repa.encoder and repa.features")
        }
        let blocks = configuration.model.conditionedBlocks
        guard repa.layer <= blocks else {
            throw PixNerdError(
                .invalidValue, "repa.layer", found: "is \(repa.layer), but the model has \(blocks) transformer blocks",
                expected: "a number from 1 to \(blocks)")
        }
        let (base, size) = (repa.basePatch > 0 ? repa.basePatch : patch, configuration.data.squareSide)
        guard size % base == 0, size / base == size / patch else {
            let grid = size / patch
            throw PixNerdError(
                .mismatch, "repa.base_patch \(base)",
                found: "gives another grid of features than the model's \(grid) x \(grid) patches at data.image_size "
                    + "\(size)", advice: "remove it, or set it to \(patch)")
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
            throw PixNerdError(
                .mismatch, "\(repa.features)",
                found: "holds features of another encoder (\(cache.manifest.encoderName)) than repa.encoder "
                    + "\(repa.encoder)",
                advice: "regenerate them with pixnerd encode features, or leave repa.encoder empty")
        }
        origin = .cache(cache)
    }

    /// Width of the features.
    var width: Int {
        switch origin {
        case .encoder(let encoder, _): encoder.architecture.width
        case .cache(let cache): cache.manifest.width
        }
    }

    /// Fingerprint of the encoder.
    var fingerprint: String {
        switch origin {
        case .encoder(let encoder, _): encoder.fingerprint
        case .cache(let cache): cache.manifest.encoder
        }
    }

    /// The encoder that runs during training; nil for a cache.
    var encoder: DINOv2Architecture? {
        if case .encoder(let encoder, _) = origin { encoder.architecture } else { nil }
    }

    /// Encoder and source in words.
    var description: String {
        switch origin {
        case .encoder(let encoder, _):
            "\(encoder.architecture.name), positions \(encoder.architecture.positionResampling.rawValue)"
        case .cache(let cache): "\(cache.manifest.encoderName), from \(cache.path)"
        }
    }

    /// Features of the images of a batch: [B, N, E].
    ///
    /// - Throws: `PixNerdError` if the cache does not hold them.
    func features(of batch: LoadedBatch) throws -> Tensor {
        switch origin {
        case .encoder(let encoder, let basePatch):
            return encoder.features(of: unitRange(PixelSpace.colors(of: batch)), basePatch: basePatch)
        case .cache(let cache):
            return try cache.features(of: batch)
        }
    }
}
