import Foundation
import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// An autoencoder whose reconstructions are measured.
protocol RoundTripModel {
    var parameterCount: Int { get }

    /// The means of the latents of a batch [B, C, H, W] in -1 ... 1, and the KL divergence of their distributions in nats,
    /// summed over the batch; nil if it is not known.
    func means(_ pictures: Tensor) -> (latents: Tensor, divergence: Double?)

    /// The batch that latents are of.
    ///
    /// - Parameter count: images of the batch.
    func back(_ latents: Tensor, count: Int) -> Tensor
}

extension Autoencoder: RoundTripModel {
    func means(_ pictures: Tensor) -> (latents: Tensor, divergence: Double?) {
        let moments = moments(pictures)
        return (gaussianParts(moments).mean, Double(gaussianDivergence(moments).scalar) * Double(pictures.shape[0]))
    }

    func back(_ latents: Tensor, count: Int) -> Tensor { decode(latents) }
}

/// Reconstructs images with one autoencoder, and measures the results and their cost.
struct RoundTrip {
    private let model: any RoundTripModel
    private let path: String
    private var decoded: [PixelBatch] = []
    private var (noise, similarity): ([Double], [Double]) = ([], [])
    private var spectrum: PowerSpectrum?
    private var features = GaussianAccumulator()
    private var extractorTitle: String?
    /// KL divergence of the latents in nats, summed over images; nil if it is not known.
    private var divergence: Double? = 0
    /// Seconds per image, one value for each batch.
    private var (encodingSeconds, decodingSeconds): ([Double], [Double]) = ([], [])
    /// Peak bytes in use besides the weights.
    private var activations = 0

    init(_ model: any RoundTripModel, path: String) {
        (self.model, self.path) = (model, path)
        // Memory that another autoencoder left in the pool must not speed up this one.
        MemoryPool.shared.releaseKept()
    }

    /// - Throws: `PixNerdError` if the reconstructions are not finite.
    mutating func add(_ batch: PixelBatch, _ extractor: (any FeatureExtractor)?) throws {
        let pictures = PixelSpace().encode(
            batch.pixels, count: batch.count, height: batch.height, width: batch.width)
        let before = MemoryPool.shared.statistics.bytesInUse
        MemoryPool.shared.beginPeak()
        let start = ContinuousClock.now
        let (latents, nats) = model.means(pictures)
        let middle = ContinuousClock.now
        let back = model.back(latents, count: batch.count)
        let end = ContinuousClock.now
        activations = max(activations, MemoryPool.shared.statistics.peakBytesInUse - before)
        guard back.isFinite else {
            throw PixNerdError(
                .notFinite, "\(path)", found: "decodes to numbers that are not finite",
                advice: "check its weights and the images")
        }
        encodingSeconds.append((middle - start) / .seconds(1) / Double(batch.count))
        decodingSeconds.append((end - middle) / .seconds(1) / Double(batch.count))
        divergence = both(divergence, nats).map { $0 + $1 }
        add(batch, PixelBatch(roundedPictures(back)), extractor)
    }

    private mutating func add(_ original: PixelBatch, _ back: PixelBatch?, _ extractor: (any FeatureExtractor)?) {
        guard let back else { return }
        noise += PairMeasures.peakSignalToNoise(original, back)
        if min(back.height, back.width) >= PairMeasures.smallestSide {
            similarity += PairMeasures.structuralSimilarity(original, back)
        }
        if min(back.height, back.width) >= PowerSpectrum.smallestSide {
            if spectrum == nil { spectrum = PowerSpectrum(height: back.height, width: back.width) }
            spectrum?.add(back)
        }
        if let extractor {
            features.add(extractor(back).pool)
            extractorTitle = extractor.distanceTitles.frechet
        }
        decoded.append(back)
    }

    /// The reconstructions at some indices.
    func pictures(_ places: [Int]) -> [RGBImage] { decoded.pictures(places) }

    /// Every measure, in the order in which the report shows them.
    func measures(_ originals: RoundTripOriginals) throws -> [EvaluationReport.Measure] {
        let (count, first) = (originals.count, decoded[0])
        let pixels = Double(count * first.height * first.width)
        var measures = [PairComparison.ratio("PSNR, dB", noise, of: "image")]
        if !similarity.isEmpty {
            measures.append(PairComparison.mean("ssim", "SSIM", similarity, note: "mean of \(count) images"))
        }
        if let (a, b) = both(originals.spectrum, spectrum) {
            measures.append(measure("spectrum", "Power spectrum, dB", PowerSpectrum.distance(a.mean(), b.mean())))
        }
        if let (distance, title) = both(originals.distance, extractorTitle) {
            let found = features.statistics()
            let note =
                count <= found.dimensions ? "\(count) images are too few for \(found.dimensions) features" : nil
            measures.append(measure("rfid", title == "FID" ? "rFID" : title, try distance(found), note: note))
        }
        if let divergence {
            measures.append(
                measure(
                    "bits", "Bits per pixel", divergence / log(2) / pixels,
                    note: "KL divergence of the unscaled latents from the standard normal"))
        }
        return measures + [
            measure("encoding_seconds", "Seconds to encode", Self.median(encodingSeconds), note: "per image"),
            measure("decoding_seconds", "Seconds to decode", Self.median(decodingSeconds), note: "per image"),
            measure(
                "peak_memory_gb", "Peak memory, GB", Double(4 * model.parameterCount + activations) / 1e9,
                note: "weights, plus encoding and decoding one batch"),
        ]
    }

    private static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
    }
}

extension [PixelBatch] {
    /// The images at some indices, counted over all batches.
    func pictures(_ places: [Int]) -> [RGBImage] {
        places.compactMap { place in
            var rest = place
            for batch in self {
                guard rest >= batch.count else { return batch.picture(rest) }
                rest -= batch.count
            }
            return nil
        }
    }
}
