import Foundation
import PixNerdCheckpoints
import PixNerdImages
import PixNerdModels
import PixNerdSampling
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import PixNerdTraining
import Testing

/// Runs on pixels of other channels and depths than 8-bit colours.
@Suite struct PixelFormatTrainingTests {
    /// Writes images of smooth fields, two classes of six.
    private func write(
        _ runs: TinyRuns, _ format: PixelFormat, as file: ImageFile.StoredFormat
    ) throws -> String {
        let root = "\(runs.directory)/fields"
        for number in 0..<12 {
            let folder = "\(root)/\(number % 2 == 0 ? "even" : "odd")"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            let image = format.raster(width: 16, height: 16) { channel, place in
                let (x, y) = (Float(place % 16) / 16, Float(place / 16) / 16)
                return 0.9 * sin(3 * x + Float(number) * y + Float(channel))
            }
            try ImageFile.write(image, as: file, to: "\(folder)/\(number).\(file.fileExtension)")
        }
        return root
    }

    @Test(arguments: [
        (PixelFormat(.grey, .uint16), ImageFile.StoredFormat.png), (PixelFormat(.grey), .png),
        (PixelFormat(.rgba), .png), (PixelFormat(.plain(5), .uint16), .tiff),
        (PixelFormat(.plain(2), .float32, range: -3...5), .npy),
    ])
    func trainsResumesAndSamples(format: PixelFormat, file: ImageFile.StoredFormat) throws {
        try TinyRuns.with { runs in
            let root = try write(runs, format, as: file)
            func change(_ configuration: inout Configuration) {
                configuration.data.root = root
                configuration.data.range = format.range.map { [$0.lowerBound, $0.upperBound] } ?? []
                configuration.data.flip = true
                // Opacity is never guessed.
                if case .rgba = format.channels { configuration.data.channels = "rgba" }
                configuration.training.previewEvery = 6
            }
            let (whole, resumed) = try runs.wholeAndResumed(stopAfter: 2, change)
            expectSame(try runs.files(whole), try runs.files(resumed.run))
            let preview = try ImageFile.read("\(whole.previewsPath)/step-000006.png")
            #expect(Set(preview.pixels).count > 10)

            let checkpoint = try DenoiserCheckpoint(path: whole.path)
            #expect(try checkpoint.pixelFormat == format)
            let source = try CheckpointSampling(path: whole.path, SamplingOptions())
            #expect(source.loaded.format == format)
            let job = try source.job(
                [PictureRequest(label: 0, seed: 1), PictureRequest(label: 1, seed: 2)])
            try job.run { pixels, _ in
                #expect(pixels.shape == [2, format.channelCount, 16, 16])
                for image in storedPictures(pixels, format) {
                    let path = "\(runs.directory)/sample.\(file.fileExtension)"
                    try ImageFile.write(image, as: file, to: path)
                    let read = try ImageFile.readStored(path)
                    #expect(read.bytes == image.bytes && read.element == format.element)
                }
            }
        }
    }

    @Test func greyTakesOneChannelOfWeights() throws {
        try TinyRuns.with { runs in
            let root = try write(runs, PixelFormat(.grey), as: .png)
            let sizes = try ["auto", "rgb"].map { channels in
                let run = try runs.train(channels) {
                    $0.data.root = root
                    $0.data.channels = channels
                }.run
                return try DenoiserCheckpoint(path: run.path).architecture(.raw).parameterCount
            }
            #expect(sizes[0] < sizes[1])
        }
    }

    @Test func anotherFormatDoesNotResume() throws {
        try TinyRuns.with { runs in
            let root = try write(runs, PixelFormat(.grey, .uint16), as: .png)
            try runs.train("a", stopAfter: 3) { $0.data.root = root }
            expectSentence(
                sentence {
                    try runs.train("a", resume: true) {
                        $0.data.root = root
                        $0.data.range = [0, 4095]
                    }
                }, naming: ["grey, 16 bits", "0.0 to 4095.0", "data.range"])
        }
    }

    @Test func floatsWithoutARangeAreRefused() throws {
        try TinyRuns.with { runs in
            let root = try write(runs, PixelFormat(.grey, .float32, range: 0...1), as: .npy)
            expectSentence(
                sentence { try runs.train("a") { $0.data.root = root } },
                naming: ["float32", "data.range", "those in use go from 0."])
        }
    }

    /// An autoencoder of images that are no colours, and a denoiser in its latents.
    @Test(arguments: [
        (PixelFormat(.plain(5), .uint16), ImageFile.StoredFormat.tiff), (PixelFormat(.grey, .uint16), .png),
    ])
    func latentsAreOfTheSameImages(format: PixelFormat, file: ImageFile.StoredFormat) throws {
        try TinyRuns.with { runs in
            let root = try write(runs, format, as: file)
            let autoencoder = try runs.trainAutoencoder {
                $0.data.root = root
                // Grey is taken as colours unless it is asked for.
                if case .grey = format.channels { $0.data.channels = "grey" }
                $0.training.previewEvery = 6
            }.run
            let preview = try ImageFile.read("\(autoencoder.previewsPath)/step-000006.png")
            #expect(Set(preview.pixels).count > 10)
            let checkpoint = try AutoencoderCheckpoint(path: autoencoder.path)
            #expect(try checkpoint.pixelFormat == format && checkpoint.architecture.channels == format.channelCount)

            func change(_ configuration: inout Configuration) {
                configuration.data.root = root
                runs.inLatents(&configuration)
            }
            let (whole, resumed) = try runs.wholeAndResumed(stopAfter: 2, change)
            expectSame(try runs.files(whole), try runs.files(resumed.run))
            let sampling = try CheckpointSampling(path: whole.path, SamplingOptions())
            #expect(sampling.loaded.format == format)
            try sampling.job([PictureRequest(label: 0, seed: 1)]).run { pixels, _ in
                #expect(pixels.shape == [1, format.channelCount, 16, 16])
            }
            expectSentence(
                sentence {
                    try runs.train("a") {
                        change(&$0)
                        $0.data.channels = "rgb"
                    }
                },
                naming: ["data.channels is set, but the images of latent.vae are \(format)"])
            // Commands that compare colours say that these are none.
            expectSentence(sentence { _ = try checkpoint.loadForColour() }, naming: ["an autoencoder for images of"])
        }
    }

    @Test func aDamagedFormatIsNamed() throws {
        try TinyRuns.with { runs in
            let root = try write(runs, PixelFormat(.grey), as: .png)
            let run = try runs.train("a") { $0.data.root = root }.run
            let path = "\(run.stepPath(6))/denoiser.safetensors"
            var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            let text = Data(#"\"channels\":\"grey\""#.utf8)
            let place = try #require(bytes.range(of: text))
            bytes.replaceSubrange(place, with: Data(#"\"channels\":\"gray\""#.utf8))
            try bytes.write(to: URL(fileURLWithPath: path))
            expectSentence(
                sentence { _ = try CheckpointSampling(path: run.path, SamplingOptions()) },
                naming: ["pixel_format", "damaged"])
        }
    }
}
