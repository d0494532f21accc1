import PixNerdSupport

extension DenoiserOptions {
    /// The published sizes by name, with patches of 16 pixels (PixNerd, arXiv 2507.23268, table 1); XXL/16 is the
    /// text-to-image model.
    public static let presets: [String: DenoiserOptions] = {
        func sizes(_ hidden: Int, _ heads: Int, _ blocks: Int, _ conditioned: Int) -> DenoiserOptions {
            var options = DenoiserOptions()
            (options.hiddenSize, options.heads) = (hidden, heads)
            (options.blocks, options.conditionedBlocks) = (blocks, conditioned)
            (options.patchSize, options.fieldWidth, options.fieldRatio) = (16, 64, 2)
            return options
        }
        var text = sizes(1536, 24, 18, 16)
        text.textBlocks = 4
        return [
            "B/16": sizes(768, 12, 14, 12), "L/16": sizes(1024, 16, 24, 22), "XL/16": sizes(1152, 16, 30, 26),
            "XXL/16": text,
        ]
    }()

    /// Replaces the sizes by those of the preset, if one is named.
    public mutating func applyPreset() {
        guard let sizes = Self.presets[preset] else { return }
        (hiddenSize, heads) = (sizes.hiddenSize, sizes.heads)
        (blocks, conditionedBlocks) = (sizes.blocks, sizes.conditionedBlocks)
        (patchSize, fieldWidth, fieldRatio) = (sizes.patchSize, sizes.fieldWidth, sizes.fieldRatio)
        textBlocks = sizes.textBlocks
    }
}

extension DenoiserOptions {
    /// The options of a model of classes of these sizes.
    init(_ architecture: PixNerdArchitecture) {
        self.init()
        (hiddenSize, heads) = (architecture.hiddenSize, architecture.heads)
        (blocks, conditionedBlocks) = (architecture.blocks, architecture.conditionedBlocks)
        (patchSize, head, classes) = (architecture.patchSize, architecture.head, architecture.classes)
        (numbers, values) = (architecture.numbers, architecture.values)
        guard architecture.head == .field else { return }
        (fieldWidth, fieldRatio) = (architecture.fieldWidth, architecture.fieldRatio)
        (fieldPositions, fieldNeighbors) = (architecture.fieldPositions, architecture.fieldNeighbors)
        fieldOverlap = architecture.fieldOverlap
    }
}

extension PixNerdArchitecture {
    /// The sizes that a configuration asks for.
    ///
    /// - Parameter channels: Channels of the data.
    /// - Throws: `PixNerdError` naming the size that is not valid.
    init(_ options: DenoiserOptions, channels: Int) throws {
        try self.init(
            hiddenSize: options.hiddenSize, heads: options.heads, blocks: options.blocks,
            conditionedBlocks: options.conditionedBlocks, patchSize: options.patchSize, channels: channels,
            head: options.head, fieldWidth: options.fieldWidth, fieldRatio: options.fieldRatio,
            fieldPositions: options.fieldPositions, fieldNeighbors: options.fieldNeighbors,
            fieldOverlap: options.fieldOverlap, classes: options.classes, numbers: options.numbers,
            values: options.values,
            captions: options.textWidth > 0
                ? CaptionSizes(width: options.textWidth, length: options.textLength, modulation: options.modulation)
                : nil, controlBlocks: options.controlBlocks,
            controlsFields: options.controlsFields, pictureChannels: options.pictureChannels)
    }

    /// A published size, with patches of 16 pixels.
    ///
    /// - Throws: `PixNerdError` if there is no such preset.
    public init(preset: String, classes: Int = 1000) throws {
        guard var options = DenoiserOptions.presets[preset] else {
            throw PixNerdError(
                .invalidValue, found: "There is no preset \(preset)",
                expected: "one of \(DenoiserOptions.presets.keys.sorted().joined(separator: ", "))")
        }
        options.classes = classes
        try self.init(options, channels: 3)
    }
}
