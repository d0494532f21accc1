import Foundation
import PixNerdCheckpoints
import PixNerdEvaluation
import PixNerdImages
import PixNerdTensors

/// Evaluations with a network that is only a projection.
enum TinyEvaluation {
    /// A feature extractor that returns means of parts of an image.
    struct Projection: FeatureExtractor {
        var title: String { "projection" }
        var fingerprint: String { "0" }
        var width: Int { 12 }

        func callAsFunction(_ batch: PixelBatch) -> ExtractedFeatures {
            func features(_ shift: Int, _ width: Int) -> Tensor {
                var values: [Float] = []
                for picture in 0..<batch.count {
                    for feature in 0..<width {
                        let places = stride(from: feature + shift, to: batch.pictureSize, by: width)
                        let sum = places.reduce(0) { $0 + Int(batch.pixels[picture * batch.pictureSize + $1]) }
                        values.append(Float(sum) / Float(batch.pictureSize / width))
                    }
                }
                return Tensor(values, shape: [batch.count, width])
            }
            return ExtractedFeatures(pool: features(0, 12), spatial: features(1, 8), logits: features(2, 6))
        }
    }

    static func writeArray(_ pictures: PixelBatch, to path: String) throws {
        let shape = [pictures.count, pictures.height, pictures.width, 3]
        let writer = try NpzWriter(path: path, arrays: [.init("arr_0", .uint8, shape)])
        try writer.append(pictures.pixels)
        try writer.finish()
    }

    static func writeFolder(_ pictures: PixelBatch, to path: String) throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        for picture in 0..<pictures.count {
            let range = picture * pictures.pictureSize..<(picture + 1) * pictures.pictureSize
            let image = RGBImage(
                width: pictures.width, height: pictures.height, pixels: Array(pictures.pixels[range]))
            try ImageFile.writePNG(image, to: "\(path)/\(String(format: "%03d", picture)).png")
        }
    }

    static func evaluate(
        _ real: String, _ generated: String, limit: Int? = nil, extractor: (any FeatureExtractor)? = Projection(),
        keepingIn directory: String? = nil, _ change: (inout Evaluation.Settings) -> Void = { _ in }
    ) throws -> (report: EvaluationReport, real: StoredStatistics?, generated: StoredStatistics?) {
        var settings = Evaluation.Settings()
        settings.resamples = 4
        settings.batch = 7
        change(&settings)
        return try Evaluation(
            real: EvaluationSource(path: real, limit: limit),
            generated: EvaluationSource(path: generated, limit: limit),
            extractor: extractor, weights: "none", keepingRealFeaturesIn: directory, settings: settings
        ).run(program: "test")
    }
}
