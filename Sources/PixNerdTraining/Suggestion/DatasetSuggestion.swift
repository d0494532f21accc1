import Foundation
import Logging
import PixNerdImages
import PixNerdSupport

/// A configuration that suits a collection of images and a time, and how long it takes on this machine.
///
/// The sizes of the model follow the number of images, those of images and patches the median image. Whatever else is set
/// is what measured best in `Benchmarks/recipes.md`. The speed is measured: a few steps are trained in a temporary folder.
public struct DatasetSuggestion: Sendable {
    public let configuration: Configuration
    /// Seconds that the whole run takes, previews included.
    public let seconds: Double
    /// How often each image is seen.
    public let epochs: Double

    /// Largest side that is suggested: more pixels take hours on a CPU.
    private static let largestSide = 64
    /// Patches along a side.
    private static let patches = 8
    /// Number of images below which a model remembers them sooner than it learns from them.
    private static let few = 5_000
    /// How often images are seen at most.
    private static let mostEpochs = 400.0
    /// Steps that are trained to measure the speed, and the first of them, which allocate memory.
    private static let (trialSteps, warmUp) = (14, 4)

    /// - Parameters:
    ///   - pictures: the images.
    ///   - imageSize: side in pixels to train at; nil for one that fits most images.
    ///   - hours: time that the run may take.
    /// - Throws: `PixNerdError` if the images cannot be trained on.
    public init(for pictures: ImageCollection, imageSize: Int? = nil, hours: Double) throws {
        var suggestion = Self.configuration(for: pictures, imageSize: imageSize)
        let secondsPerStep = try Self.secondsPerStep(of: suggestion)
        // Sampling takes as long as a third of training, for each image and each evaluation, of which there are two a step.
        let previewImages = suggestion.previewImages(classes: pictures.classes.count)
        let preview =
            secondsPerStep / Double(suggestion.training.batchSize) / 3
            * Double(previewImages * suggestion.sampling.steps * 2)
        let most = Self.mostEpochs * Double(pictures.samples.count) / Double(suggestion.training.batchSize)
        let fitting = (hours * 3600 - Double(Self.previews) * preview) / secondsPerStep
        suggestion.training.steps = max(100, Int(min(fitting, most, 1e9)) / 100 * 100)
        suggestion.training.previewEvery = max(1, suggestion.training.steps / Self.previews)
        suggestion.training.saveEvery = suggestion.training.previewEvery
        // The average forgets within the last tenth of the run.
        suggestion.training.emaDecay = [
            Float((1 - 10 / Double(max(suggestion.training.steps, 1_000))) * 10_000).rounded() / 10_000
        ]
        configuration = suggestion
        seconds = Double(suggestion.training.steps) * secondsPerStep + Double(Self.previews) * preview
        epochs = Double(suggestion.training.steps * suggestion.training.batchSize) / Double(pictures.samples.count)
    }

    private static let previews = 4

    /// The configuration without what depends on speed.
    private static func configuration(for pictures: ImageCollection, imageSize: Int?) -> Configuration {
        var suggestion = Configuration()
        let isFew = pictures.samples.count < few
        let side = imageSize ?? min(largestSide, pictures.usualSide)
        // Patches that divide the side; small images have fewer.
        let patch = max(2, side / patches)
        suggestion.name = "mine"
        suggestion.data.root = pictures.root
        suggestion.data.imageSize = ImageSize(max(patch, side / patch * patch))
        suggestion.model.patchSize = patch
        suggestion.model.hiddenSize = isFew ? 192 : 256
        suggestion.model.heads = 4
        suggestion.model.blocks = isFew ? 6 : 8
        suggestion.model.conditionedBlocks = isFew ? 4 : 6
        suggestion.model.fieldWidth = 32
        suggestion.model.fieldPositions = .centers
        suggestion.model.fieldNeighbors = true
        suggestion.model.fieldOverlap = patch >= 4 ? 1 : 0
        suggestion.training.target = .picture
        suggestion.training.batchSize = isFew ? 16 : 32
        suggestion.training.learningRate = isFew ? 1.5e-3 : 1e-3
        suggestion.training.warmupSteps = 100
        suggestion.training.schedule = .cosine
        suggestion.training.beta2 = 0.95
        suggestion.training.gradientClip = 1
        suggestion.training.logEvery = 20
        if let range = pictures.usedLevels?.range(of: pictures.usualFormat.element) {
            suggestion.data.range = [range.lowerBound, range.upperBound]
        }
        if isFew {
            suggestion.data.augment = 0.12
            suggestion.model.dropout = 0.1
            // Of fewer images, a share says little.
            if pictures.samples.count >= 200 { suggestion.data.holdout = 0.05 }
        }
        suggestion.sampling.steps = 20
        suggestion.sampling.guidance = 2.5
        suggestion.sampling.classes = min(10, max(1, pictures.classes.count))
        suggestion.sampling.perClass = pictures.classes.count == 1 ? 16 : 6
        return suggestion
    }

    /// The speed of a run, of which some steps are trained in a temporary folder.
    private static func secondsPerStep(of suggestion: Configuration) throws -> Double {
        var trial = suggestion
        let folder = "\(NSTemporaryDirectory())/pixnerd-trial-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        (trial.directory, trial.name) = (folder, "trial")
        trial.training.steps = trialSteps
        trial.training.previewEvery = 0
        trial.training.saveEvery = trialSteps
        let trainer = try Trainer(
            trial, resume: false, logger: Logger(label: "trial", factory: { _ in SwiftLogNoOpLogHandler() }))
        var times: [ContinuousClock.Instant] = []
        let clock = ContinuousClock()
        // The last step is left out: it saves before it is asked whether to stop.
        try trainer.train {
            times.append(clock.now)
            return times.count == trialSteps - 1
        }
        let measured = times.dropFirst(warmUp)
        guard let first = measured.first, let last = measured.last, measured.count > 1, last > first else {
            throw PixNerdError(.system, "The speed of training", found: "could not be measured", advice: "try again")
        }
        return (last - first) / .seconds(1) / Double(measured.count - 1)
    }
}
