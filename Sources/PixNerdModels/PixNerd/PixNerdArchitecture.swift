import Foundation
import PixNerdDiffusion
import PixNerdSupport
import PixNerdTensors

/// The sizes of a PixNerd. Its JSON keys are the argument names of the published classes.
public struct PixNerdArchitecture: Sendable, Equatable {
    /// Token width D.
    public var hiddenSize: Int
    public var heads: Int
    /// Number of transformer and field blocks together.
    public var blocks: Int
    /// Number of transformer blocks.
    public var conditionedBlocks: Int
    /// Side P of a patch in pixels.
    public var patchSize: Int
    public var channels: Int
    public var head: DenoiserOptions.Head
    /// Width F of the field; 0 with a linear head.
    public var fieldWidth: Int
    /// Ratio r of the inner width of a field block to F; 0 with a linear head.
    public var fieldRatio: Int
    /// Position features of the pixels that the field decodes; `corners` with a linear head.
    public var fieldPositions: DenoiserOptions.FieldPositions
    /// Whether the field reads the eight pixels around each one, too; false with a linear head.
    public var fieldNeighbors: Bool
    /// Number of pixels around a patch of the training size that its field decodes, too, so that neighbouring fields
    /// overlap; 0 with a linear head.
    public var fieldOverlap: Int
    public var classes: Int
    /// What the model is told besides time and class, in the order of `ModelNumber`.
    public var numbers: [ModelNumber]
    /// Number of values that come with a condition.
    public var values: Int
    /// How the model reads captions; nil for a model of classes. One of captions has no classes.
    public var captions: CaptionSizes?
    /// Number of transformer blocks that a ControlNet has copies of, which alone are trained; 0 without a ControlNet.
    public var controlBlocks: Int
    /// Whether the fields of a model with a ControlNet read its pictures, too.
    public var controlsFields: Bool
    /// Number of channels of the pictures that transformer and field read beside the noisy pixels; 0 for none.
    public var pictureChannels: Int

    enum CodingKeys: String, CodingKey {
        case hiddenSize = "hidden_size"
        case heads = "num_groups"
        case blocks = "num_blocks"
        case conditionedBlocks = "num_cond_blocks"
        case patchSize = "patch_size"
        case channels = "in_channels"
        case head
        case fieldWidth = "hidden_size_x"
        case fieldRatio = "nerf_mlpratio"
        case fieldPositions = "field_positions"
        case fieldNeighbors = "field_neighbors"
        case fieldOverlap = "field_overlap"
        case classes = "num_classes"
        case numbers = "told"
        case values = "num_values"
        case captions
        case controlBlocks = "num_control_blocks"
        case controlsFields = "control_fields"
        case pictureChannels = "picture_channels"
    }

    /// - Parameters:
    ///   - blocks: Number of transformer and field blocks; ignored with a linear head, which has no field blocks.
    ///   - fieldWidth: Width of the field; ignored with a linear head.
    ///   - fieldRatio: Inner width of a field block relative to `fieldWidth`; ignored with a linear head.
    ///   - fieldPositions: Position features of the field's pixels; ignored with a linear head.
    ///   - fieldNeighbors: Whether the field reads the pixels around each one; ignored with a linear head.
    ///   - fieldOverlap: Number of pixels around a patch of the training size that its field decodes, too, at most half
    ///     the patch; needs `centers`. Ignored with a linear head.
    ///   - numbers: What the model is told besides time and class.
    ///   - values: Number of values that come with a condition.
    ///   - captions: How the model reads captions; nil for a model of classes. Needs a field.
    ///   - controlBlocks: Number of transformer blocks that a ControlNet has copies of, fewer than there are.
    ///   - controlsFields: Whether fields read the pictures of the ControlNet, too; ignored with a linear head, and without a
    ///     ControlNet.
    ///   - pictureChannels: Number of channels of pictures that are read beside the noisy pixels; 0 for none. Not with a
    ///     ControlNet, which reads pictures, too.
    /// - Throws: `PixNerdError` naming the size that is not valid.
    public init(
        hiddenSize: Int, heads: Int, blocks: Int, conditionedBlocks: Int, patchSize: Int = 16, channels: Int = 3,
        head: DenoiserOptions.Head = .field, fieldWidth: Int = 64, fieldRatio: Int = 2,
        fieldPositions: DenoiserOptions.FieldPositions = .corners, fieldNeighbors: Bool = false, fieldOverlap: Int = 0,
        classes: Int = 1000, numbers: [ModelNumber] = [], values: Int = 0, captions: CaptionSizes? = nil,
        controlBlocks: Int = 0, controlsFields: Bool = false, pictureChannels: Int = 0
    ) throws {
        self.hiddenSize = hiddenSize
        self.heads = heads
        self.blocks = head == .field ? blocks : conditionedBlocks
        self.conditionedBlocks = conditionedBlocks
        self.patchSize = patchSize
        self.channels = channels
        self.head = head
        self.fieldWidth = head == .field ? fieldWidth : 0
        self.fieldRatio = head == .field ? fieldRatio : 0
        self.fieldPositions = head == .field ? fieldPositions : .corners
        self.fieldNeighbors = head == .field && fieldNeighbors
        self.fieldOverlap = head == .field ? fieldOverlap : 0
        self.classes = captions == nil ? classes : 0
        self.captions = captions
        self.numbers = ModelNumber.allCases.filter(numbers.contains)
        self.values = values
        (self.controlBlocks, self.pictureChannels) = (controlBlocks, pictureChannels)
        self.controlsFields = controlsFields && controlBlocks > 0 && head == .field
        try validate()
    }

    private func validate() throws {
        let sizes =
            [
                ("hidden_size", hiddenSize, SizeLimits.width), ("num_groups", heads, SizeLimits.width),
                ("num_blocks", blocks, SizeLimits.blocks), ("num_cond_blocks", conditionedBlocks, SizeLimits.blocks),
                ("patch_size", patchSize, SizeLimits.patch), ("in_channels", channels, SizeLimits.channels),
            ] + (captions == nil ? [("num_classes", classes, SizeLimits.classes)] : [])
        let fieldSizes = [
            ("hidden_size_x", fieldWidth, SizeLimits.fieldWidth), ("nerf_mlpratio", fieldRatio, SizeLimits.ratio),
        ]
        for (name, value, most) in sizes + (head == .field ? fieldSizes : []) { try require(name, value, in: 1...most) }
        guard hiddenSize % heads == 0, hiddenSize / heads % 4 == 0 else {
            throw PixNerdError(
                .invalidValue, "hidden_size \(hiddenSize) / num_groups \(heads)",
                found: "is not a multiple of 4, which rotary positions need for pairs along two axes")
        }
        try require("num_values", values, in: 0...(captions == nil ? SizeLimits.values : 0))
        guard captions == nil || head == .field else {
            throw PixNerdError(
                .unsupported, "head", found: "is linear in a model that reads captions", expected: "field")
        }
        try require("num_control_blocks", controlBlocks, in: 0...conditionedBlocks - 1)
        try require(
            "picture_channels", pictureChannels, in: 0...(controlBlocks == 0 ? SizeLimits.channels : 0))
        try require("field_overlap", fieldOverlap, in: 0...patchSize / 2)
        guard fieldOverlap == 0 || fieldPositions == .centers else {
            throw PixNerdError(
                .invalidValue, "field_overlap", found: "is \(fieldOverlap), and field_positions is corners",
                expected: "field_positions centers, which tell the pixels around a patch from those inside")
        }
        guard head == .linear || conditionedBlocks < blocks else {
            throw PixNerdError(
                .invalidValue, "num_cond_blocks", found: "is \(conditionedBlocks)",
                expected: "less than num_blocks (\(blocks)), since the remaining blocks are those of the field")
        }
    }

    /// Inner width of the gated MLP of a transformer block.
    public var feedForwardWidth: Int { 2 * (hiddenSize * 4) / 3 }

    /// Number of frequencies of the position features along each axis.
    var fieldFrequencies: Int { Self.fieldFrequencies(fieldPositions, patch: patchSize, overlap: fieldOverlap) }
    /// Number of frequencies of position features of a kind, for a patch of side `patch`.
    static func fieldFrequencies(_ positions: DenoiserOptions.FieldPositions, patch: Int, overlap: Int) -> Int {
        positions == .corners ? 8 : min(8, patch) + 2 * overlap
    }
    /// Number of values that the field reads of a pixel and its pictures, without its position.
    var fieldReads: Int { (channels + pictureChannels) * (fieldNeighbors ? 9 : 1) }
    /// Number of values that the field reads of the pictures of a ControlNet at a pixel.
    var controlReads: Int { controlsFields ? channels * (fieldNeighbors ? 9 : 1) : 0 }
    /// Number of values that the field's first layer reads.
    var fieldInputs: Int { fieldReads + fieldFrequencies * fieldFrequencies }

    /// Number of weights of the embedders of numbers and values; a multiply-add each, but for the biases.
    private func toldWeights(tokenWidth width: CheckedInt, biases: Bool) -> CheckedInt {
        numbers.embedderWeights(tokenWidth: width, biases: biases)
            + CheckedInt(values) * NumberEmbedders.weights(width: width, biases: biases)
    }

    /// Number of weights of a model of these sizes.
    public var parameterCount: Int { (baseWeights + controlWeights).clamped }

    /// Number of weights of a ControlNet.
    private var controlWeights: CheckedInt {
        guard controlBlocks > 0 else { return 0 }
        let width = CheckedInt(hiddenSize)
        let patchValues = CheckedInt(channels) * CheckedInt(patchSize) * CheckedInt(patchSize)
        let after = width * (width + 1)
        return CheckedInt(controlBlocks) * (blockWeights + after) + after + (patchValues + 1) * width
            + CheckedInt(controlReads) * CheckedInt(fieldWidth)
    }

    /// Number of weights of a transformer block.
    private var blockWeights: CheckedInt {
        let (width, inner) = (CheckedInt(hiddenSize), CheckedInt(feedForwardWidth))
        let attention = 4 * width * width + width + 2 * CheckedInt(hiddenSize / heads)
        return 2 * width + attention + 3 * width * inner + 6 * width * (width + 1)
            + (captions?.blockWeights(hidden: width) ?? 0)
    }

    public var trainedParameterCount: Int { controlBlocks > 0 ? controlWeights.clamped : parameterCount }

    /// Number of values of the pictures in a patch.
    private var pictureValues: CheckedInt {
        CheckedInt(pictureChannels) * CheckedInt(patchSize) * CheckedInt(patchSize)
    }

    private var baseWeights: CheckedInt {
        func count(_ value: Int) -> CheckedInt { CheckedInt(value) }
        let (width, field) = (count(hiddenSize), count(fieldWidth))
        let patchValues = count(channels) * count(patchSize) * count(patchSize)
        let conditions =
            captions?.weights(hidden: hiddenSize) ?? (count(classes) + 1) * width
        let embedders = (patchValues + 1) * width + (256 + 1) * width + (width + 1) * width + conditions
        let told = toldWeights(tokenWidth: width, biases: true)
        let shown = pictureChannels == 0 ? 0 : (pictureValues + 1) * width
        let transformer = count(conditionedBlocks) * blockWeights + embedders + told + shown
        switch head {
        case .field:
            let fieldBlock = (width + 1) * 2 * field * field * count(fieldRatio) + field
            let ends = (count(fieldInputs) + 1) * field + field + (field + 1) * count(channels)
            return transformer + count(blocks - conditionedBlocks) * fieldBlock + ends
        case .linear:
            return transformer + (width + 1) * (2 * width + patchValues)
        }
    }

    /// Multiply-adds of a block's attention to captions.
    private func readMultiplyAdds(tokens: CheckedInt) -> CheckedInt {
        guard let captions else { return 0 }
        let (width, rows) = (CheckedInt(hiddenSize), CheckedInt(captions.length))
        return 2 * tokens * width * width + 2 * rows * width * width + 2 * tokens * rows * width
    }

    /// Multiply-adds of one forward pass for one image, as the published code computes it, or the largest `Int`.
    public func multiplyAdds(height: Int, width: Int) -> Int {
        func checked(_ value: Int) -> CheckedInt { CheckedInt(value) }
        let tokens = checked(height / patchSize) * checked(width / patchSize)
        let (hiddenSize, channels) = (checked(hiddenSize), checked(channels))
        let pixels = checked(patchSize) * checked(patchSize)
        let linear = 4 * hiddenSize * hiddenSize + 3 * hiddenSize * checked(feedForwardWidth)
        let block = tokens * linear + 2 * tokens * tokens * hiddenSize + 6 * hiddenSize * hiddenSize
        let patches = tokens * channels * pixels * hiddenSize
        let told = toldWeights(tokenWidth: hiddenSize, biases: false)
        let read = block + readMultiplyAdds(tokens: tokens)
        let control =
            controlBlocks == 0
            ? 0
            : checked(controlBlocks) * (read + tokens * hiddenSize * hiddenSize) + tokens * hiddenSize * hiddenSize
                + patches
        let transformer =
            checked(conditionedBlocks) * read + patches + 256 * hiddenSize + hiddenSize * hiddenSize + told + control
            + tokens * pictureValues * hiddenSize
        switch head {
        case .field:
            let fieldWidth = checked(fieldWidth)
            let side = checked(patchSize) + 2 * checked(fieldOverlap)
            let decoded = side * side
            let generated = 2 * fieldWidth * fieldWidth * checked(fieldRatio)
            let fieldBlock = tokens * (hiddenSize * generated + decoded * generated)
            let ends = tokens * decoded * fieldWidth * (checked(fieldInputs + controlReads) + channels)
            return (transformer + checked(blocks - conditionedBlocks) * fieldBlock + ends).clamped
        case .linear:
            return (transformer + patches + 2 * hiddenSize * hiddenSize).clamped
        }
    }
}
