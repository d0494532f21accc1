import Foundation
import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSampling
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import PixNerdTraining
import Testing

/// Runs on images of other shapes than squares.
@Suite struct BucketTrainingTests {
    /// Writes gradients of three shapes, two classes of nine.
    private func write(_ runs: TinyRuns) throws -> String {
        let root = "\(runs.directory)/shapes"
        for number in 0..<18 {
            let (width, height) = [(20, 20), (30, 18), (18, 30)][number % 3]
            let folder = "\(root)/\(number % 2 == 0 ? "even" : "odd")"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            let pixels = (0..<width * height * 3).map { UInt8(truncatingIfNeeded: $0 * (number + 3) / 7) }
            try ImageFile.writePNG(
                RGBImage(width: width, height: height, pixels: pixels), to: "\(folder)/\(number).png")
        }
        return root
    }

    @Test(arguments: [(BucketChoice.area, 0), (.sizes([16, ImageSize(height: 12, width: 20), ImageSize(20)]), 1)])
    func aRunOfSeveralSizesResumesToTheBit(buckets: BucketChoice, overlap: Int) throws {
        try TinyRuns.with { runs in
            let root = try write(runs)
            func change(_ configuration: inout Configuration) {
                configuration.data.root = root
                configuration.data.buckets = buckets
                configuration.data.crop = .random
                configuration.data.flip = true
                configuration.model.patchSize = 4
                configuration.model.fieldPositions = .centers
                configuration.model.fieldOverlap = overlap
                configuration.training.accumulate = 2
                configuration.training.previewEvery = 6
            }
            let (whole, resumed) = try runs.wholeAndResumed(stopAfter: 2, change)
            #expect(resumed.log == [])
            expectSame(try runs.files(whole), try runs.files(resumed.run))

            let checkpoint = try DenoiserCheckpoint(path: whole.path)
            #expect(checkpoint.imageSize == 16 && checkpoint.imageSizes.count >= 3)
            // Each of its sizes is as trained; others are warned of.
            for size in checkpoint.imageSizes {
                var options = SamplingOptions()
                options.size = size
                let sampling = try CheckpointSampling(path: whole.path, options)
                #expect(sampling.warnings.isEmpty)
                let job = try sampling.job([PictureRequest(label: 0, seed: 1)])
                try job.run { pixels, _ in #expect(Array(pixels.shape[2...]) == [size.height, size.width]) }
            }
            var options = SamplingOptions()
            options.size = ImageSize(height: 8, width: 32)
            let warning = try #require(try CheckpointSampling(path: whole.path, options).warnings.first)
            #expect(warning.text(naming: { "\($0)" }).contains("never at 8 x 32"))
        }
    }

    /// A rectangle is the size that is sampled without being asked for.
    @Test(arguments: DenoiserOptions.Head.allCases)
    func aRunOfRectanglesSamplesThem(head: DenoiserOptions.Head) throws {
        try TinyRuns.with { runs in
            let run = try runs.train("wide") {
                $0.data.imageSize = ImageSize(height: 8, width: 24)
                $0.model.patchSize = 4
                $0.model.head = head
                $0.training.previewEvery = 6
                $0.data.holdout = 0.2
            }.run
            let sampling = try CheckpointSampling(path: run.path, SamplingOptions())
            #expect(sampling.warnings.isEmpty)
            let job = try sampling.job([PictureRequest(label: 0, seed: 1)])
            try job.run { pixels, _ in #expect(Array(pixels.shape[2...]) == [8, 24]) }
            let preview = try ImageFile.read("\(run.previewsPath)/step-000006.png")
            #expect(preview.width > preview.height)
            guard head == .field else { return }
            // By the field, two rows of six patches are decoded at any multiple of them.
            var options = SamplingOptions()
            (options.size, options.route) = (ImageSize(height: 16, width: 30), .field)
            let finer = try CheckpointSampling(path: run.path, options)
            try finer.job([PictureRequest(label: 0, seed: 1)]).run { pixels, _ in
                #expect(Array(pixels.shape[2...]) == [16, 30])
            }
        }
    }

    /// The loss of padded images is that of their own pixels, whatever the padding is trained to.
    @Test func paddingIsLeftOutOfTheLoss() throws {
        try TinyRuns.with { runs in
            let root = try write(runs)
            func change(_ configuration: inout Configuration) {
                configuration.data.root = root
                configuration.data.crop = .whole
                configuration.data.flip = true
                configuration.model.patchSize = 4
                configuration.model.fieldPositions = .centers
                configuration.model.fieldOverlap = 1
                configuration.data.holdout = 0.2
                configuration.training.holdoutEvery = 3
                configuration.training.holdoutImages = 8
            }
            let (whole, resumed) = try runs.wholeAndResumed(stopAfter: 4, change)
            expectSame(try runs.files(whole), try runs.files(resumed.run))
            #expect(try runs.heldOut(whole).count == 2)
        }
    }

    private func refusal(_ change: (inout Configuration) -> Void) throws -> String {
        try TinyRuns.with { runs in
            do {
                try runs.train("bad", change)
                return ""
            } catch {
                return "\(error)"
            }
        }
    }

    @Test(
        arguments: [
            (18, .none, ["data.image_size is 18, which cannot be divided into patches of 4 x 4"]),
            (
                ImageSize(height: 16, width: 18), .none,
                ["data.image_size is 16x18, whose width is 18, which cannot be divided into patches"]
            ),
            (
                16, .sizes([16, ImageSize(height: 18, width: 20)]),
                ["data.buckets: a size is 18x20, whose height is 18"]
            ),
            (
                16, .sizes([20, ImageSize(height: 12, width: 20)]),
                ["data.image_size is 16, which is none of data.buckets", "one of 20, 12x20"]
            ),
        ] as [(ImageSize, BucketChoice, [String])])
    func sizesThatDoNotFitAreNamed(size: ImageSize, buckets: BucketChoice, parts: [String]) throws {
        let text = try refusal {
            $0.model.patchSize = 4
            $0.data.imageSize = size
            $0.data.buckets = buckets
        }
        expectSentence(text, naming: parts)
    }

    @Test func whatNeedsSquaresIsNamed() throws {
        for change in [
            { $0.data.imageSize = ImageSize(height: 16, width: 24) },
            { $0.data.buckets = .sizes([16, ImageSize(height: 16, width: 24)]) },
        ] as [(inout Configuration) -> Void] {
            expectSentence(
                try refusal {
                    change(&$0)
                    $0.training.fieldSizes = [24]
                }, naming: ["training.field_sizes is set, which needs squares of one size; remove one of them"])
        }
        expectSentence(
            try refusal {
                $0.data.crop = .whole
                $0.training.frequencyWeight = 1
            }, naming: ["data.crop is none, but training.frequency_weight is set, which would count padding"])
    }
}
