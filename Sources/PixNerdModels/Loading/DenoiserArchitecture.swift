import PixNerdDiffusion
import PixNerdSupport
import PixNerdTensors
import PixNerdText

/// The sizes of a denoiser: all that loading, training, and cost and memory estimates know about a kind of denoiser.
///
/// A new kind is a folder under `PixNerdModels` with a type of this protocol, and one line in `KnownDenoisers`.
public protocol DenoiserArchitecture: Sendable, Equatable, Codable {
    /// Name of the kind, such as `PixNerd`.
    static var kind: String { get }

    /// Whether tensors, named without a prefix, are those of a model of this kind.
    static func recognizes(_ source: any TensorSource) -> Bool

    /// Infers the sizes from the names and shapes of a checkpoint's tensors.
    ///
    /// - Parameters:
    ///   - source: Tensors under their published names, without a prefix.
    ///   - metadata: Strings next to the tensors, for kinds whose shapes do not tell everything.
    ///   - channels: Channels of the data, for kinds whose shapes do not tell them; nil if unknown.
    /// - Throws: `PixNerdError` naming the tensor that is missing or has an impossible shape.
    init(readFrom source: any TensorSource, metadata: [String: String], channels: Int?) throws

    /// Names, without `.weight`, that other programs have for the matrices of a checkpoint of this kind.
    static func otherLayerNames(_ source: any TensorSource) -> [String: [LayerPart]]

    /// Channels of the data that is diffused.
    var channels: Int { get }
    /// Side of a patch, in pixels or latents.
    var patchSize: Int { get }
    /// Token width D.
    var tokenWidth: Int { get }
    /// Number of transformer blocks.
    var tokenBlocks: Int { get }
    /// Number of weights.
    var parameterCount: Int { get }
    /// Side of the data of training, in the units of what is diffused; nil where the tensors do not tell.
    var trainedSide: Int? { get }
    /// Whether each patch is decoded by a field that can be evaluated at any density.
    var decodesFields: Bool { get }
    /// Whether models of the kind are conditioned on texts.
    var takesText: Bool { get }
    /// What is done with the texts of models of the kind before they are encoded, as published.
    var publishedCleaning: CaptionCleaning { get }
    /// What models of the kind are published to predict, for checkpoints that do not say.
    var publishedPrediction: Prediction { get }
    /// The sampler and settings that models of the kind are published with, for checkpoints that do not say.
    var publishedSampling: SamplingSettings { get }
    /// Whether models of the kind are published for other sizes than that of training by decoding their patches at
    /// another density.
    var isPublishedForFields: Bool { get }
    /// Number of transformer blocks that a ControlNet has copies of; 0 without a ControlNet.
    var controlBlocks: Int { get }
    /// Number of channels of pictures that models read beside the noisy pixels; 0 for none.
    var pictureChannels: Int { get }
    /// What models are told besides time and condition, in the order of `ModelNumber`.
    var numbers: [ModelNumber] { get }
    /// A description of the sizes, line by line.
    var summary: [String] { get }

    /// Multiply-adds of one forward pass for one image.
    func multiplyAdds(height: Int, width: Int) -> Int

    /// A model with the weights of a checkpoint.
    ///
    /// - Parameter recomputesBlocks: Recomputes transformer blocks in the backward pass instead of keeping their
    ///   activations.
    /// - Throws: `CheckpointMismatch` with every missing, unexpected and misshapen tensor.
    func load(_ source: any TensorSource, recomputesBlocks: Bool) throws -> any Denoiser

    /// The conditioner that turns prompts into the condition of such a model.
    ///
    /// - Throws: `PixNerdError` if the names or the text encoder do not fit the model.
    func conditioner(_ sources: ConditionerSources) throws -> any Conditioner
}

/// An architecture that can be trained from scratch.
public protocol TrainableArchitecture: DenoiserArchitecture {
    var numbers: [ModelNumber] { get set }
    /// Sizes of the matrices of the transformer blocks, which are `blockMatrices` of a model, in any order.
    var blockMatrixSizes: [(rows: Int, columns: Int)] { get }

    /// Number of the weights that are trained.
    var trainedParameterCount: Int { get }
    /// Whether training is implemented for all parts of such a model.
    var isTrainable: Bool { get }
    /// Whether models learn the noise of a diffusion process (`NoisePredictor`), and not a flow.
    var learnsNoise: Bool { get }
    /// Number of tokens of a text, for kinds whose tensors say it; nil for others.
    var textTokens: Int? { get }

    /// Memory in bytes of a forward and backward pass of training.
    func activationBytes(batch: Int, height: Int, width: Int, recompute: Bool, precision: Precision) -> Int

    /// A model with fresh weights.
    func makeModel(seed: UInt64, recomputesBlocks: Bool) -> any AlignableDenoiser

    /// What is new of a model of this architecture that begins with the weights of another, as a clause; empty if all
    /// weights are taken except perhaps rows of classes, and nil if it cannot begin with them.
    func newParts(beginningAs other: any DenoiserArchitecture) -> String?

    /// A model that begins with the weights of another.
    ///
    /// - Parameters:
    ///   - other: A model of an architecture for which `newParts` is not nil.
    ///   - rows: Where the rows of classes come from; nil for those of the same numbers.
    /// - Throws: `PixNerdError` if the model cannot begin with them.
    func makeModel(
        beginningAs other: any Denoiser, _ rows: ClassRows?, seed: UInt64, recomputesBlocks: Bool
    ) throws -> any AlignableDenoiser
}

extension TrainableArchitecture {
    public var trainedParameterCount: Int { parameterCount }
    public var isTrainable: Bool { true }
    public var learnsNoise: Bool { false }
    public var textTokens: Int? { nil }

    public func newParts(beginningAs other: any DenoiserArchitecture) -> String? { isSame(as: other) ? "" : nil }

    public func makeModel(
        beginningAs other: any Denoiser, _ rows: ClassRows?, seed: UInt64, recomputesBlocks: Bool
    ) throws -> any AlignableDenoiser {
        guard let model = other as? any AlignableDenoiser else {
            throw PixNerdError(
                .unsupported, found: "The model to begin with cannot be trained",
                expected: "a PixNerd for classes or captions, a MiniT2I or a PixArt")
        }
        return model
    }
}

extension DenoiserArchitecture {
    public static func otherLayerNames(_ source: any TensorSource) -> [String: [LayerPart]] { [:] }
    public var decodesFields: Bool { false }
    public var trainedSide: Int? { nil }
    public var publishedCleaning: CaptionCleaning { .none }
    public var publishedPrediction: Prediction { Prediction() }
    public var publishedSampling: SamplingSettings { SamplingSettings() }
    public var isPublishedForFields: Bool { false }
    public var takesText: Bool { false }
    public var controlBlocks: Int { 0 }
    public var pictureChannels: Int { 0 }
    public var numbers: [ModelNumber] { [] }

    /// Whether another architecture is of this kind and has these sizes.
    public func isSame(as other: any DenoiserArchitecture) -> Bool { (other as? Self) == self }
}
