import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport

/// A loaded checkpoint that a guide is chosen for.
struct GuidedModel {
    /// The checkpoint's name in messages.
    let name: String
    let checkpoint: DenoiserCheckpoint
    let weights: WeightKind
    let loaded: LoadedDenoiser
    let choice: SizeChoice
    let settings: SamplingSettings
}

/// The model that guidance leads away from (autoguidance; Karras et al., arXiv 2406.02507, section 4): an earlier save of
/// the same run, or another checkpoint that takes the same conditions and makes the same data.
struct GuideChoice {
    let denoiser: any Denoiser
    /// The file of weights, or the directory of the step.
    let path: String
    let weightsFile: String
    /// Keeps a run that goes on from removing the step.
    private let reading: StepReading?

    /// - Parameter text: A path, or a saved step of a run as `RUN@STEP`.
    /// - Throws: `PixNerdError` if there is no such checkpoint, it does not fit the model, or it would have no effect.
    init(_ text: String, for guided: GuidedModel) throws {
        let subject: ErrorText = "\(Setting.guide) \(text)"
        func misfit(_ problem: ErrorText) -> PixNerdError {
            PixNerdError(
                .mismatch, subject, found: "cannot guide \(guided.name): \(problem)",
                advice: "give an earlier step of the same run, or a checkpoint of the same kind and data")
        }
        let guidance = guided.settings.guidance
        guard guided.settings.evaluationTimes.contains(where: { guidance.scale(at: $0) != 1 }) else {
            throw PixNerdError(
                .mismatch, subject, found: "has no effect, because guidance is 1 in every step",
                advice: "give \(Setting.guidance) another number, or leave \(Setting.guide) out")
        }
        let checkpoint = try DenoiserCheckpoint(path: RunDirectory.checkpointPath(text))
        (path, weightsFile, reading) = (checkpoint.path, checkpoint.file(of: guided.weights), checkpoint.reading)
        guard resolvedPath(weightsFile) != resolvedPath(guided.checkpoint.file(of: guided.weights)) else {
            throw PixNerdError(
                .mismatch, subject, found: "has no effect, because it is the checkpoint that is sampled from",
                advice: "give an earlier step of its run, as RUN@STEP")
        }
        if let problem = Self.spaceProblem(checkpoint, guided) { throw misfit(problem) }
        let loaded = try checkpoint.load(guided.weights, inSpaceOf: guided.loaded)
        if let problem = Self.problem(loaded, checkpoint, guided) { throw misfit(problem) }
        denoiser = try SizeChoice.denoiser(
            loaded, guided.choice.route, trained: checkpoint.trainedSize(loaded), path)
        let (size, multiple) = (guided.choice.size, denoiser.sizeMultiple * loaded.reduction)
        let canvas = ImageSize(height: size.canvasHeight, width: size.canvasWidth)
        guard canvas.isMultiple(of: multiple) else {
            throw misfit("\(canvas) cannot be divided into its patches of \(multiple)")
        }
    }

    /// Why a checkpoint's model diffuses in another space, as a clause; nil if it does not, or does not say.
    private static func spaceProblem(_ checkpoint: DenoiserCheckpoint, _ guided: GuidedModel) -> ErrorText? {
        let own = guided.checkpoint.autoencoder ?? guided.loaded.autoencoder?.identity
        return switch (checkpoint.autoencoder, own) {
        case (let autoencoder?, let own?) where !autoencoder.isSame(as: own):
            "it makes latents of another autoencoder, \(autoencoder.text)"
        case (_?, nil): "it makes latents and not pixels"
        case (nil, _?) where checkpoint.channels == guided.loaded.format.channelCount: "it makes pixels and not latents"
        default: nil
        }
    }

    /// Why a model takes other conditions or makes other data, as a clause; nil if it does not.
    private static func problem(
        _ guide: LoadedDenoiser, _ checkpoint: DenoiserCheckpoint, _ guided: GuidedModel
    ) -> ErrorText? {
        let own = guided.loaded
        if FewStepLimits(guide.architecture.numbers, largestScale: nil, name: "") != nil {
            return "it is a model of few steps, which guides no other"
        }
        guard guide.model.channels == own.model.channels, guide.format == own.format else {
            return guide.format == own.format
                ? "it makes data of \(counted(guide.model.channels, "channel")) and not \(own.model.channels)"
                : "it makes images of \(guide.format), and not of \(own.format)"
        }
        guard guide.prediction.noiseScale == own.prediction.noiseScale else {
            return
                "it was trained on noise of scale \(guide.prediction.noiseScale) and not \(own.prediction.noiseScale)"
        }
        switch (guide.conditioner, own.conditioner) {
        case (let guide as ClassConditioner, let own as ClassConditioner):
            guard guide.classes == own.classes else {
                return "it has \(counted(guide.classes, "class", plural: "classes")) and not \(own.classes)"
            }
            guard guide.values == own.values else { return "it was trained on other values, or without any" }
            guard guide.takesSets == own.takesSets else {
                return own.takesSets ? "it was trained on single classes" : "it was trained on sets of classes"
            }
            guard let (names, others) = both(checkpoint.classNames, guided.checkpoint.classNames) else { return nil }
            return names == others ? nil : "its classes have other names"
        case (let guide as TextConditioner, let own as TextConditioner):
            guard (guide.length, guide.width) == (own.length, own.width) else {
                return "it takes texts of \(guide.length) x \(guide.width) numbers and not \(own.length) x \(own.width)"
            }
            guard let (encoder, other) = both(checkpoint.textEncoder?.encoder, guided.checkpoint.textEncoder?.encoder)
            else { return nil }
            return encoder.isSame(as: other) ? nil : "it was trained with another text encoder, \(encoder.text)"
        default:
            return guide.conditioner.promptKind == .text
                ? "it takes texts and not classes" : "it takes classes and not texts"
        }
    }
}
