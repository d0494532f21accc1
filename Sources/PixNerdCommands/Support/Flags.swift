import PixNerdDistributed
import PixNerdFewPictures
import PixNerdSpaces
import PixNerdSupport
import PixNerdTraining
import PixNerdTuning

/// The command-line options of the library's settings.
package enum Flags {
    private static let names: [Setting: String] = [
        .labels: "data.labels or --labels", .labelKey: "data.label_key or --label-key",
        .valueNames: "data.values or --values", .values: "--values",
        .captionKey: "--caption-key", .captionTemplate: "--caption-template",
        .skipsUncaptioned: "data.skip_uncaptioned or --skip-uncaptioned",
        .overwrite: "--overwrite", .output: "--out", .resume: "--resume", .autoencoder: "--vae",
        .otherAutoencoder: "--vae-override", .size: "--size", .heads: "--heads", .basePatch: "--base-patch",
        .alignedLayer: "--repa-layer", .weights: "--weights", .overrides: "--set", .classes: "--classes",
        .seeds: "--seeds", .trajectory: "--trajectory", .preview: "--preview", .route: "--route",
        .guidance: "--guidance", .guidanceInterval: "--guidance-interval", .newClass: "--class",
        .priorPrompt: "--class-prompt", .like: "--like",
        .newRun: "--name", .pictures: "--pictures",
        .real: "--real", .prior: "--prior", .guide: "--guide", .lora: "--lora",
        .guidanceRule: "--zero-star", .sampler: "--sampler",
        .studentName: "--name", .studentSteps: "--steps", .stage: "--stage",
        .timeGrid: "--time-grid", .firstStep: "--first-step", .steps: "--steps", .lastStep: "--last-step",
        .initialNoise: "--initial-noise",
        .image: "--from-image", .mask: "--mask", .strength: "--strength", .interpolation: "--interpolate",
        .zeroSteps: "--zero-steps", .floor: "--floor", .shift: "--shift", .tile: "--vae-tile",
        .resumedStep: "--step", .prompt: "--prompt", .negativePrompt: "--negative-prompt",
        .averageLength: "--length", .averageLengths: "--lengths", .reference: "--reference", .range: "--range",
        .controlNet: "--control-net",
        .controlStrength: "--control-strength", .controlInterval: "--control-interval",
        .controlPicture: "--control", .controlPhotograph: "--control-from", .edges: "--edges", .edgeNetwork: "--hed",
        .textEncoder: "--text-encoder", .otherTextEncoder: "--text-encoder-override", .emptyPrompt: "--empty-prompt",
    ]

    static func name(of setting: Setting) -> String {
        names[setting] ?? StudioHandover.provider.withLock { $0?.flags[setting] } ?? setting.rawValue
    }

    /// An error that names settings by their command-line options.
    package static func readable(_ error: any Error) -> any Error {
        if let error = error as? PixNerdError { return CommandError(error.sentence(naming: name)) }
        if let shared = error as? SharedError { return SharedError(shared.sentence(naming: name)) }
        return error
    }
}
