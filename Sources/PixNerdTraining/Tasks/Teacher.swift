import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdImages
import PixNerdLayers
import PixNerdModels
import PixNerdSampling
import PixNerdSupport
import PixNerdTensors

/// The trained model that a model of few steps learns from, and whose weights it begins with.
struct Teacher {
    let architecture: any DenoiserArchitecture
    let prediction: Prediction
    /// Fingerprint of the file of weights.
    let fingerprint: String
    /// The largest guidance scale that a teacher which is told the scale knows; nil if it is not told or does not say.
    let largestScale: Float?
    private let checkpoint: DenoiserCheckpoint
    private let weights: WeightKind

    /// Finds the teacher that a configuration names.
    ///
    /// - Returns: nil if the model learns without one.
    /// - Throws: `PixNerdError` if it cannot be read.
    init?(_ configuration: Configuration) throws {
        let section = configuration.fewSteps
        guard section.method.needsTeacher else {
            guard section.teacher.isEmpty else {
                throw PixNerdError(
                    .mismatch, "few_steps.teacher",
                    found: "is set, but few_steps.method is \(section.method.rawValue), which has none",
                    advice: "set few_steps.method to guidance or split, or remove the teacher")
            }
            return nil
        }
        guard !section.teacher.isEmpty else {
            throw PixNerdError(
                .invalidValue, "few_steps.teacher",
                found: "is not set, but few_steps.method is \(section.method.rawValue)",
                expected: "the run to learn from, a step in it, or a file of weights")
        }
        checkpoint = try DenoiserCheckpoint(path: RunDirectory.checkpointPath(section.teacher))
        weights = checkpoint.preferred(nil)
        architecture = try checkpoint.architecture(weights)
        prediction = try checkpoint.prediction(of: architecture)
        fingerprint = try Fingerprint.text(ofFile: checkpoint.file(of: weights))
        largestScale = architecture.numbers.contains(.strength) ? checkpoint.largestScale : nil
    }

    var description: String {
        "\(weights == .ema ? "EMA" : "raw") weights of \(checkpoint.path) (\(fingerprint.prefix(8)))"
    }

    /// The network.
    ///
    /// - Throws: `PixNerdError` if the weights cannot be read.
    func load() throws -> any Denoiser { try checkpoint.load(weights) }

    /// Checks that a resumed run has learned from the same weights.
    ///
    /// - Throws: `PixNerdError` naming both.
    func expectSame(as recorded: String?, _ directory: String) throws {
        guard recorded != fingerprint else { return }
        let others = recorded.map { "other weights (\($0.prefix(8)))" } ?? "no teacher"
        throw PixNerdError(
            .mismatch, "\(directory)",
            found: "learned from \(others), and few_steps.teacher is \(checkpoint.path) (\(fingerprint.prefix(8)))",
            advice: "resume with the run's own teacher, or choose another name for a new run")
    }

    /// Checks that a student of this teacher can be trained as a configuration says.
    ///
    /// - Parameter student: the student's architecture, which differs in what it is told.
    /// - Throws: `PixNerdError` naming what differs.
    func expectFits(
        _ configuration: Configuration, _ student: any TrainableArchitecture, _ space: TrainingSpace,
        _ pictures: ImageCollection, _ values: [TrainedValue], _ text: TextSource?
    ) throws {
        var alike = student
        alike.numbers = architecture.numbers
        if let problem = try problem(configuration, alike, space, pictures, values, text) {
            throw PixNerdError(
                .mismatch, "few_steps.teacher \(checkpoint.path)", found: problem,
                advice: "take the configuration of the teacher's run, as pixnerd distill does")
        }
        guard configuration.fewSteps.method == .guidance else { return }
        if TrainedConditions(checkpoint.metadata).forbidGuidance {
            throw PixNerdError(
                .mismatch, "few_steps.teacher \(checkpoint.path)",
                found: "was trained with training.label_dropout 0 or 1, so it cannot be guided",
                advice: "set few_steps.method to split, which needs no guidance")
        }
    }

    /// What keeps a student from being this teacher's, as a clause; nil if nothing does.
    private func problem(
        _ configuration: Configuration, _ alike: any TrainableArchitecture, _ space: TrainingSpace,
        _ pictures: ImageCollection, _ values: [TrainedValue], _ text: TextSource?
    ) throws -> ErrorText? {
        guard alike.isSame(as: architecture) else { return "has another architecture than the model section" }
        if let problem = configuration.problem(with: prediction) { return problem }
        if let size = checkpoint.imageSize, size != configuration.data.imageSize {
            return "was trained at \(size.text) pixels, and data.image_size is \(configuration.data.imageSize.text)"
        }
        if let names = checkpoint.classNames, text == nil, names != pictures.classes {
            return "was trained on other classes than \(pictures.root) has"
        }
        if try checkpoint.values != values {
            return "was trained on other values than the images of \(pictures.root) have"
        }
        if checkpoint.takesSets != (pictures.labelSets != nil) {
            return checkpoint.takesSets
                ? "was trained on sets of classes" : "was trained on single classes, and the images have sets of them"
        }
        if !space.isSame(as: checkpoint.autoencoder) {
            return "was trained in another space than the configuration's, or in latents of another autoencoder"
        }
        if let (other, own) = both(checkpoint.textEncoder, text?.recorded), !other.encoder.isSame(as: own.encoder) {
            return "was trained with another text encoder, \(other.encoder.text)"
        }
        return nil
    }
}
