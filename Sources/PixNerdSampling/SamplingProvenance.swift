import Foundation
import PixNerdDiffusion
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// Everything that determines the image of a prompt and a seed.
public struct SamplingProvenance: Codable, Equatable, Sendable {
    /// `Fingerprint` of the weights file.
    public var checkpointHash: String
    /// `Fingerprint` and strength of each LoRA that was merged into the weights; nil for none.
    public var adapters: [String]?
    /// `ema` or `raw`.
    public var weights: String
    /// Height of the finished images in pixels.
    public var height: Int
    /// Width of the finished images in pixels.
    public var width: Int
    /// Height in pixels of the canvas that images are cropped from.
    public var canvasHeight: Int
    /// Width in pixels of the canvas that images are cropped from.
    public var canvasWidth: Int
    /// `grid` or `field`.
    public var route: String
    public var sampler: String
    /// Order of the samplers that have several; nil for the others.
    public var order: Int?
    public var steps: Int
    public var lastStep: Float?
    public var shift: Float
    /// Guidance scale of each interval between `guidanceTimes`.
    public var guidance: [Float]
    public var guidanceTimes: [Float]
    /// How the worse velocity enters the guided one; nil for the plain rule.
    public var guidanceRule: String?
    /// `Fingerprint` of the weights file of the model that guidance leads away from; nil for the model itself without a
    /// condition.
    public var guideHash: String?
    /// Number of first steps that left the noise as it was; nil for none.
    public var zeroSteps: Int?
    /// The grid of diffusion steps and the first of them; nil for models of a flow.
    public var timeGrid: String?
    /// The smallest 1 - t that was divided by; nil for the model's own.
    public var floor: Float?
    /// `torch`, `philox` or `file`.
    public var noise: String
    /// `Fingerprint` of the noise file; nil if there is none.
    public var noiseHash: String?
    /// Weights and scale of the autoencoder that decoded latents; nil for pixels.
    public var autoencoder: String?
    /// Side in pixels of the tiles that latents were decoded in; nil for whole images.
    public var autoencoderTile: Int?
    /// Precision of matrix multiplications; nil, in older manifests, means fp32.
    public var precision: String?
    /// Images per batch, on which the last bits depend.
    public var batch: Int
    /// Hashes of a text encoder's weights and tokenizer; nil for a model of classes.
    public var textEncoder: String?
    /// What the rows of an empty prompt attended to; nil for a model of classes.
    public var emptyPrompt: String?
    /// What was done with prompts before they were encoded; nil for nothing.
    public var captionCleaning: String?
    /// The text that took the place of the empty prompt; nil for none.
    public var negativePrompt: String?
    /// `Fingerprint` of the picture that sampling began with; nil for noise alone.
    public var imageHash: String?
    /// `Fingerprint` of the mask of what was painted; nil for all.
    public var maskHash: String?
    /// How far the picture was changed, 0 to 1; nil for noise alone.
    public var strength: Float?
    /// How often each step was taken again; nil for never.
    public var repetitions: Int?
    /// What a ControlNet was shown; nil for none.
    public var control: Control?

    /// What a ControlNet was shown.
    public struct Control: Codable, Equatable, Sendable {
        /// `Fingerprint` of the control pictures.
        public var pictures: String
        /// The kind of edges that were found in photographs; nil for pictures as they are.
        public var edges: String?
        /// Factor on what the ControlNet added.
        public var strength: Float
        /// The first and the last time at which it acted.
        public var times: [Float]
        /// `Fingerprint` of the file of the ControlNet; nil for that of the checkpoint itself.
        public var network: String?
    }

    /// - Parameters:
    ///   - file: Path of the weights file.
    ///   - guide: Path of the weights file of the guide; nil for none.
    ///   - noise: The initial noise of images.
    ///   - autoencoder: The autoencoder that decodes latents; nil for pixels.
    ///   - tile: Side in pixels of the tiles that latents are decoded in; nil for whole images.
    ///   - batch: Images per batch.
    ///   - text: The conditioner of a text model; nil for a model of classes.
    /// - Throws: `PixNerdError` if a file cannot be read.
    public init(
        file: String, guide: String? = nil, weights: WeightKind, size: PictureSize, route: SizeRoute,
        settings: SamplingSettings,
        noise: NoiseChoice, autoencoder: AutoencoderIdentity?, tile: Int?, precision: Precision, batch: Int,
        text: TextConditioner? = nil
    ) throws {
        checkpointHash = try Fingerprint.text(ofFile: file)
        self.weights = weights.rawValue
        (height, width, canvasHeight, canvasWidth) = (size.height, size.width, size.canvasHeight, size.canvasWidth)
        self.route = route.rawValue
        (sampler, order) = (settings.sampler.name, settings.sampler.order)
        (steps, lastStep, shift) = (settings.steps, settings.lastStep, settings.shift)
        (guidance, guidanceTimes) = (settings.guidance.scales, settings.guidance.times)
        guidanceRule = settings.guidance.rule == .plain ? nil : settings.guidance.rule.rawValue
        guideHash = try guide.map { try Fingerprint.text(ofFile: $0) }
        zeroSteps = settings.zeroSteps == 0 ? nil : settings.zeroSteps
        if case .diffusion(let form, let first) = settings.grid { timeGrid = "\(form.rawValue) from \(first)" }
        self.noise = noise.name
        if case .file(let path) = noise { noiseHash = try Fingerprint.text(ofFile: path) }
        self.autoencoder = autoencoder.map { "\($0.fingerprint), \($0.scale.text)" }
        autoencoderTile = tile
        self.precision = precision.rawValue
        self.batch = batch
        guard let text, let encoder = text.encoder else { return }
        textEncoder = "\(encoder.identity.weights), \(encoder.identity.tokenizer)"
        emptyPrompt = text.emptyPrompt.rawValue
        captionCleaning = text.cleaning == .none ? nil : text.cleaning.rawValue
        negativePrompt = text.negativePrompt.isEmpty ? nil : text.negativePrompt
    }

    /// Records the picture that sampling begins with.
    ///
    /// - Throws: `PixNerdError` if a file cannot be read.
    mutating func add(_ edit: EditOptions) throws {
        imageHash = try Fingerprint.text(ofFile: edit.image)
        maskHash = try edit.mask.map { try Fingerprint.text(ofFile: $0) }
        strength = edit.usedStrength
        repetitions = edit.repetitions == 0 ? nil : edit.repetitions
    }

    /// The first setting that differs from that of `other`, such as `steps is 50 and not 100`; nil if all are equal.
    public func difference(from other: SamplingProvenance) throws -> String? {
        let (own, others) = (try values(), try other.values())
        let key = Set(own.keys).union(others.keys).sorted().first { own[$0] != others[$0] }
        return key.map { "\($0) is \(own[$0] ?? "not set") and not \(others[$0] ?? "not set")" }
    }

    /// Every setting that is not nil, in its JSON form.
    private func values() throws -> [String: String] {
        let data = try JSON.encoder(snakeCase: true).encode(self)
        let object = try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
        return ["precision": Precision.fp32.rawValue].merging(object.mapValues { "\($0)" }) { $1 }
    }
}
