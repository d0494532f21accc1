import PixNerdDiffusion

/// The model section of a run's configuration.
public struct DenoiserOptions: Sendable, Equatable {
    /// The head that turns the last tokens into velocity.
    public enum Head: String, Sendable, CaseIterable, Codable {
        /// Each token becomes the weights of a small MLP for its patch (PixNerd, arXiv 2507.23268).
        case field
        /// Each token becomes its patch through one matrix, as in DiT: the published latent baseline of PixNerd (DDT,
        /// Wang et al., arXiv 2504.05741).
        case linear
    }

    /// The position features of the pixels that a field decodes.
    public enum FieldPositions: String, Sendable, CaseIterable, Codable {
        /// The published ones, from the first to the last pixel of a patch, with up to 8 half-waves over it.
        case corners
        /// Positions of the centers of pixels, with no more half-waves than a patch of training has pixels, so that a
        /// point of a patch has the same features at every density and the field is smooth between those pixels.
        case centers
    }

    /// How tokens and captions meet.
    public enum Conditioning: String, Sendable, CaseIterable, Codable {
        /// Tokens attend to each other and to captions at once (PixNerd for text, arXiv 2507.23268).
        case joint = "joint_attention"
        /// Tokens attend to captions in a layer of its own (PixArt, arXiv 2310.00426).
        case cross = "cross_attention"
    }

    /// Where the modulation of the blocks of a model with cross-attention comes from.
    public enum Modulation: String, Sendable, CaseIterable, Codable {
        /// Each block has a layer over time.
        case perBlock = "per_block"
        /// All blocks share one layer, and each has a table (adaLN-single; PixArt, arXiv 2310.00426, section 2.3).
        case single
    }

    /// Name of a preset (a published model), whose sizes the other keys override; empty for none.
    public var preset = ""
    /// Token width D.
    public var hiddenSize = 256
    /// Number of attention heads.
    public var heads = 4
    /// Number of transformer and field blocks together.
    public var blocks = 8
    /// Number of transformer blocks.
    public var conditionedBlocks = 6
    /// Side of a patch in pixels.
    public var patchSize = 4
    public var head = Head.field
    /// Width of the field.
    public var fieldWidth = 32
    /// Inner width of a field block relative to the field's width.
    public var fieldRatio = 2
    public var fieldPositions = FieldPositions.corners
    /// Whether the field reads the eight pixels around each one, too.
    public var fieldNeighbors = false
    /// Number of pixels around a patch of the training size that its field decodes, too.
    public var fieldOverlap = 0
    /// Dropout in training, in the transformer blocks of the middle half. It is no part of the architecture.
    public var dropout: Float = 0
    /// Number of classes; 0 for as many as the folder has.
    public var classes = 0
    /// Number of transformer blocks over the rows of a text.
    public var textBlocks = 2
    /// Width of the rows of a text encoder; 0 for a model of classes.
    public var textWidth = 0
    /// Number of rows of a text.
    public var textLength = 128
    public var conditioning = Conditioning.joint
    public var modulation = Modulation.perBlock
    /// What the model is told besides time and condition.
    public var numbers: [ModelNumber] = []
    /// Number of values that come with a condition.
    public var values = 0
    /// Number of transformer blocks that a ControlNet has copies of; 0 without a ControlNet.
    public var controlBlocks = 0
    /// Whether fields read the pictures of a ControlNet, too.
    public var controlsFields = false
    /// Number of channels of pictures that the model reads beside the noisy pixels; 0 for none.
    public var pictureChannels = 0

    /// Whether the model is told the density at which its fields are decoded.
    public var isToldDensity: Bool {
        get { numbers.contains(.density) }
        set { numbers = numbers.filter { $0 != .density } + (newValue ? [.density] : []) }
    }

    public init() {}
}
