import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdEvaluation
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Pictures through autoencoders and back.
@Suite struct AutoencoderComparisonTests {
    /// The mean of each channel as features.
    private struct Means: FeatureExtractor {
        var title: String { "means" }
        var fingerprint: String { "0" }
        var width: Int { 3 }

        func callAsFunction(_ batch: PixelBatch) -> ExtractedFeatures {
            let area = batch.height * batch.width
            let values = (0..<batch.count * 3).map { index in
                let places = (0..<area).map { (index / 3 * area + $0) * 3 + index % 3 }
                return Float(places.reduce(0) { $0 + Int(batch.pixels[$1]) }) / Float(area)
            }
            return ExtractedFeatures(pool: Tensor(values, shape: [batch.count, 3]), spatial: nil, logits: nil)
        }
    }

    /// Writes pictures, one of them of another size.
    private static func with<R>(
        _ body: (_ folder: String, _ pictures: [RGBImage]) throws -> R
    ) throws -> R {
        try withTemporaryDirectory { directory in
            let batch = pictureBatch(7, 16, 16, kind: 2)
            let size = batch.pictureSize
            var pictures = (0..<7).map {
                RGBImage(width: 16, height: 16, pixels: Array(batch.pixels[$0 * size..<($0 + 1) * size]))
            }
            let wide = RGBImage(width: 24, height: 20, pixels: pictureBatch(1, 20, 24, kind: 1).pixels)
            for (index, picture) in (pictures[..<6] + [wide]).enumerated() {
                try ImageFile.writePNG(picture, to: "\(directory)/\(index).png")
            }
            pictures[6] = admCenterCrop(wide, size: 16)
            return try body(directory, pictures)
        }
    }

    private static func checkpoint(_ kind: String) throws -> AutoencoderCheckpoint {
        try AutoencoderCheckpoint(path: Fixtures.autoencoder(kind).path)
    }

    private static func compare(
        _ checkpoints: [AutoencoderCheckpoint], _ folder: String, size: (Int, Int) = (16, 16), batch: Int = 3,
        extractor: (any FeatureExtractor)? = nil, unreadable: (String) -> Void = { _ in }
    ) throws -> (report: AutoencoderComparisonReport, sheet: RGBImage) {
        try AutoencoderComparison(
            checkpoints, pictures: EvaluationSource(path: folder),
            size: ImageSize(height: size.0, width: size.1), batch: batch, extractor: extractor
        ).run(program: "test", unreadable: unreadable)
    }

    private static func joined(_ pictures: [RGBImage]) -> PixelBatch {
        PixelBatch(
            count: pictures.count, height: pictures[0].height, width: pictures[0].width,
            pixels: pictures.flatMap(\.pixels))
    }

    @Test func measuresArePairMeasuresOfPicturesDecodedByHand() throws {
        try Self.with { folder, pictures in
            let found = try Self.compare([Self.checkpoint("sd"), Self.checkpoint("sdxl")], folder, extractor: Means())
            let report = found.report
            #expect(report.pictures.pictures == 7 && report.pictures.cropped == 1 && report.autoencoders.count == 2)
            let original = Self.joined(pictures)
            for (kind, entry) in zip(["sd", "sdxl"], report.autoencoders) {
                let model = try Self.checkpoint(kind).load()
                var (returned, bits): ([RGBImage], Double) = ([], 0)
                for picture in pictures {
                    let x = PixelSpace().encode(picture.pixels, count: 1, height: 16, width: 16)
                    let moments = model.moments(x)
                    returned += roundedPictures(model.decode(Posterior(moments: moments).mean))
                    bits += Double(gaussianDivergence(moments).scalar) / log(2) / (16 * 16) / 7
                }
                let back = Self.joined(returned)
                func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
                func expectMeasure(_ name: String, _ expected: Double) {
                    // Batches of another size sum in another order, which moves some pixels to the next level.
                    expectNear(
                        entry[name]?.value ?? .nan, expected, relative: 1e-3, because: "\(kind): rounding of pixels")
                }
                expectMeasure("psnr", mean(PairMeasures.peakSignalToNoise(original, back)))
                expectMeasure("ssim", mean(PairMeasures.structuralSimilarity(original, back)))
                var spectra = [PowerSpectrum(height: 16, width: 16), PowerSpectrum(height: 16, width: 16)]
                spectra[0].add(original)
                spectra[1].add(back)
                expectMeasure("spectrum", PowerSpectrum.distance(spectra[0].mean(), spectra[1].mean()))
                let features = [original, back].map { GaussianStatistics(of: Means()($0).pool) }
                expectMeasure("rfid", try FrechetDistance(to: features[0])(features[1]))
                expectMeasure("bits", bits)
                #expect(entry.parameters == model.parameterCount && entry.fingerprint == model.fingerprint)
                #expect(
                    entry.encodingMultiplyAdds == model.architecture.encodingMultiplyAdds(height: 16, width: 16)
                        && entry.decodingMultiplyAdds == model.architecture.decodingMultiplyAdds(height: 16, width: 16))
                #expect(entry.reduction == model.reduction && entry.latentChannels == 4)
                for name in ["encoding_seconds", "decoding_seconds", "peak_memory_gb"] {
                    #expect((entry[name]?.value ?? 0) > 0, "\(name)")
                }
            }
            #expect(report.autoencoders[0]["psnr"]?.value != report.autoencoders[1]["psnr"]?.value)
        }
    }

    @Test func anAutoencoderAgainstItselfIsTheSame() throws {
        try Self.with { folder, _ in
            let checkpoint = try Self.checkpoint("sd3")
            let found = try Self.compare([checkpoint, checkpoint], folder, extractor: Means()).report.autoencoders
            for name in ["psnr", "ssim", "spectrum", "rfid", "bits"] {
                let values = found.map { $0[name]?.value }
                #expect(values[0] != nil && values[0] == values[1], "\(name)")
            }
            #expect(found[0].latentChannels == 16 && found[0].fingerprint == found[1].fingerprint)
        }
    }

    @Test func theSheetShowsPicturesAndDifferences() throws {
        try Self.with { folder, pictures in
            let checkpoint = try Self.checkpoint("sd")
            let one = try Self.compare([checkpoint], folder).sheet
            let two = try Self.compare([checkpoint, checkpoint], folder).sheet
            // Rows of 16 pixels four times as large, and gaps of 2.
            #expect(one.height == 2 + 3 * (64 + 2) && two.height == 2 + 5 * (64 + 2))
            // At the right edge the pictures themselves: the last of the first row.
            let last = pictures[6]
            for (row, column) in [(0, 0), (7, 3), (15, 15)] {
                let (y, x) = (2 + 4 * row + 1, one.width - 2 - 64 + 4 * column + 1)
                let (at, from) = ((y * one.width + x) * 3, (row * 16 + column) * 3)
                #expect(Array(one.pixels[at..<at + 3]) == Array(last.pixels[from..<from + 3]))
            }
        }
    }

    @Test func whatCannotBeComparedIsRefused() throws {
        try Self.with { folder, _ in
            let checkpoint = try Self.checkpoint("sd")
            func refusal(_ body: () throws -> Void) -> String {
                let error = #expect(throws: (any Error).self) { try body() }
                return error.map { "\($0)" } ?? ""
            }
            expectSentence(
                refusal { _ = try Self.compare([checkpoint], folder, size: (16, 18)) },
                naming: [checkpoint.path, "width", "18", "20"])
            #expect(try Self.compare([checkpoint], folder, size: (16, 20)).report.pictures.cropped == 7)
            for index in 1..<7 { try Data("no".utf8).write(to: URL(fileURLWithPath: "\(folder)/\(index).png")) }
            var reasons: [String] = []
            let rest = try Self.compare([checkpoint], folder, unreadable: { reasons.append($0) }).report.pictures
            #expect(rest.pictures == 1 && rest.unreadable == 6 && reasons.count == 6)
            expectSentence(
                refusal { _ = try Self.compare([checkpoint], folder, extractor: Means()) },
                naming: [folder, "1 readable images", "2", "rFID"])
            // Weights that overflow.
            let copy = folder + "/overflow"
            try copyAutoencoder(from: checkpoint.path, to: copy, changing: [:])
            let file = copy + "/diffusion_pytorch_model.safetensors"
            try FileManager.default.removeItem(atPath: file)
            try writeCopy(of: SafetensorsFile(path: checkpoint.file.path), to: file) { name, values in
                if name == "decoder.conv_out.weight" || name == "decoder.conv_in.weight" {
                    values = values.map { $0 * 1e19 }
                }
                if name == "decoder.conv_norm_out.weight" { values = values.map { $0 * 1e19 } }
            }
            expectSentence(
                refusal { _ = try Self.compare([AutoencoderCheckpoint(path: copy)], folder) },
                naming: [copy, "not finite"])
        }
    }
}
