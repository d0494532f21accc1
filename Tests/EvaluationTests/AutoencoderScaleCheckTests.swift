import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdEvaluation
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// What the scale of an autoencoder makes of pictures' latents.
@Suite struct AutoencoderScaleCheckTests {
    private static func with<R>(_ body: (_ pictures: ImageCollection, _ directory: String) throws -> R) throws -> R {
        try withTemporaryDirectory { directory in
            try ShapesDataset.write(to: "\(directory)/pictures", imagesPerClass: 3, size: 24, seed: 7)
            return try body(ImageCollection.pictures(below: "\(directory)/pictures"), directory)
        }
    }

    @Test(arguments: [1, 4])
    func measuresWhatTheSpaceMakesOfPictures(batch: Int) throws {
        try Self.with { pictures, _ in
            let checkpoint = try AutoencoderCheckpoint(path: Fixtures.autoencoder("sd3").path)
            let (model, scale) = (try checkpoint.load(), try #require(checkpoint.scale))
            let places = [0, 2, 4, 7, 9, 12, 14, 16, 19, 21].prefix(10)
            #expect(pictures.samples.count == 24 && pictures.evenPlaces(10) == Array(places))
            let space = LatentSpace(
                model,
                scale: (0..<16).map {
                    let affine = scale.affine(channel: $0)
                    return (affine.scale, affine.offset)
                })
            let reader = CropReader(pictures, imageSize: 16)
            var expected = LatentStatistics(channels: 16)
            for place in places {
                let loaded = try #require(reader.read([place]) { Issue.record("\($0)") })
                expected.add(
                    space.encode(loaded) { _ in RandomStream(seed: 0, purpose: .latents, index: place) })
            }
            var done: [Int] = []
            let found = try AutoencoderScaleCheck(
                checkpoint, pictures, imageSize: 16, count: 10, batch: batch, progress: { done.append($0) })
            // Sums of float32 products in another order of pictures.
            func isNear(_ a: Double, _ b: Double) -> Bool { abs(a - b) < 1e-5 * max(1, abs(b)) }
            #expect(isNear(found.mean, expected.mean) && isNear(found.deviation, expected.deviation))
            for (channel, (mean, deviation)) in zip(
                found.channels, zip(expected.channelMeans, expected.channelDeviations))
            {
                #expect(isNear(channel.mean, mean) && isNear(channel.deviation, deviation))
            }
            let verdict = expected.verdict(scale: scale, architecture: checkpoint.architecture)
            #expect(found.channels.count == 16 && found.finding == verdict.finding && found.isNear == verdict.isNear)
            #expect(found.pictures == 10 && found.unreadable == 0 && found.scale == scale)
            #expect(found.fingerprint == model.fingerprint)
            #expect(done == (batch == 1 ? Array(1...10) : [4, 8, 10]))
        }
    }

    /// By means and deviations of its own channels every latent comes to 0 and 1.
    @Test func theScaleThatIsMeasuredIsNear() throws {
        try Self.with { pictures, directory in
            func check(_ name: String, _ changes: [String: Any?]) throws -> AutoencoderScaleCheck {
                let path = "\(directory)/\(name)"
                try copyAutoencoder(from: Fixtures.autoencoder("sd").path, to: path, changing: changes)
                return try AutoencoderScaleCheck(
                    AutoencoderCheckpoint(path: path), pictures, imageSize: 24, count: 24, batch: 5)
            }
            let plain = try check("plain", ["scaling_factor": 4])
            #expect(!plain.isNear)
            let mended = try check(
                "mended",
                [
                    "scaling_factor": 4, "latents_mean": plain.channels.map { $0.mean / 4 },
                    "latents_std": plain.channels.map(\.deviation),
                ])
            #expect(mended.isNear && abs(mended.mean) < 1e-5 && abs(mended.deviation - 1) < 1e-5)
            #expect(mended.channels.allSatisfy { abs($0.mean) < 1e-5 && abs($0.deviation - 1) < 1e-5 })
            // The factor that is told brings the deviation to 1, whatever the mean.
            let factor = try #require(plain.neededFactor)
            #expect(abs(try check("factor", ["scaling_factor": factor]).deviation - 1) < 1e-5)
            // A published factor of other latents is called by its name.
            let other = try check(
                "other",
                [
                    "scaling_factor": 0.18215, "latents_mean": nil, "latents_std": nil,
                ])
            #expect(other.finding == .factorOfAnother && other.sentence.contains("the factor of Stable Diffusion 1"))
        }
    }

    @Test func whatCannotBeMeasuredIsRefused() throws {
        try Self.with { pictures, directory in
            let checkpoint = try AutoencoderCheckpoint(path: Fixtures.autoencoder("sd").path)
            func refusal(_ checkpoint: AutoencoderCheckpoint, _ pictures: ImageCollection, size: Int) -> String {
                sentence {
                    _ = try AutoencoderScaleCheck(checkpoint, pictures, imageSize: size, count: 4, batch: 2)
                }
            }
            expectSentence(refusal(checkpoint, pictures, size: 18), naming: ["18", "4 x 4", "20"])
            try FileManager.default.createDirectory(atPath: "\(directory)/broken", withIntermediateDirectories: true)
            try Data("no picture".utf8).write(to: URL(fileURLWithPath: "\(directory)/broken/a.png"))
            let broken = try ImageCollection.pictures(below: "\(directory)/broken")
            expectSentence(refusal(checkpoint, broken, size: 16), naming: ["\(directory)/broken"])

            let grey = Autoencoder(try AutoencoderArchitecture(channels: 1, levelWidths: [4, 4], groups: 2), seed: 1)
            let path = "\(directory)/grey"
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            try SafetensorsWriter.write(
                grey.parameters.map { ($0.name, $0.value) }, to: "\(path)/diffusion_pytorch_model.safetensors")
            try AutoencoderCheckpoint.configuration(grey.architecture, scale: LatentScale(factor: 1), sampleSize: 16)
                .write(to: URL(fileURLWithPath: "\(path)/config.json"))
            expectSentence(
                refusal(try AutoencoderCheckpoint(path: path), pictures, size: 16), naming: [path, "1 channels", "3"])
        }
    }
}
