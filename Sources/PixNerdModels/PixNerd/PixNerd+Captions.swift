import PixNerdDiffusion
import PixNerdLayers
import PixNerdSupport
import PixNerdTensors

extension PixNerdArchitecture {
    /// A model of classes instead of captions, with these sizes otherwise.
    private func withoutCaptions(classes: Int) -> PixNerdArchitecture {
        var plain = self
        (plain.captions, plain.classes) = (nil, classes)
        return plain
    }

    public func newParts(beginningAs other: any DenoiserArchitecture) -> String? {
        guard !isSame(as: other) else { return "" }
        if pictureChannels > 0, let other = other as? PixNerdArchitecture, other.pictureChannels == 0 {
            return withoutPictures.newParts(beginningAs: other).map { new in
                (new.isEmpty ? "" : "\(new); ") + "what reads pictures is new and begins without an effect"
            }
        }
        guard controlBlocks == 0 else {
            guard let other = other as? PixNerdArchitecture, other == withoutControl else { return nil }
            return "its ControlNet is new and begins without an effect, and all else is frozen"
        }
        guard let other = other as? PixNerdArchitecture, other.captions == nil,
            withoutCaptions(classes: other.classes) == other
        else { return nil }
        // Which rows of the table are new, the names of the classes tell.
        guard captions != nil else { return "" }
        return "what reads captions is new and begins without an effect"
    }

    public func makeModel(
        beginningAs other: any Denoiser, _ rows: ClassRows?, seed: UInt64, recomputesBlocks: Bool
    ) throws -> any AlignableDenoiser {
        guard let model = other as? PixNerd else {
            throw PixNerdError(
                .mismatch, found: "The model to begin with is of another kind", expected: "a \(Self.kind)")
        }
        return try begun(as: model, rows, seed: seed, recomputesBlocks: recomputesBlocks)
    }

    private func begun(
        as model: PixNerd, _ rows: ClassRows?, seed: UInt64, recomputesBlocks: Bool
    ) throws -> PixNerd {
        if pictureChannels > 0, model.architecture.pictureChannels == 0 {
            let plain = try withoutPictures.begun(as: model, rows, seed: seed, recomputesBlocks: recomputesBlocks)
            return PixNerd(self, withPicturesBeside: plain, recomputesBlocks: recomputesBlocks)
        }
        if controlBlocks > 0, model.architecture.controlBlocks == 0 {
            guard rows == nil else {
                throw PixNerdError(
                    .mismatch, "A model with a ControlNet",
                    found: "would have other classes than the one that it is to control",
                    advice: "train on images of the same classes")
            }
            return try PixNerd(self, controlling: model, recomputesBlocks: recomputesBlocks)
        }
        if let rows, captions == nil {
            return PixNerd(self, beginningAs: model, rows, recomputesBlocks: recomputesBlocks)
        }
        guard captions != nil, model.architecture.captions == nil else { return model }
        return try PixNerd(self, beginningAs: model, seed: seed, recomputesBlocks: recomputesBlocks)
    }

    /// A model of captions that begins as a model of classes, whose sizes it has; nil if the model is none of classes.
    ///
    /// - Throws: `PixNerdError` if the sizes do not fit.
    package static func captionModel(beginningAs other: any Denoiser, _ captions: CaptionSizes) throws -> PixNerd? {
        guard let model = other as? PixNerd, model.architecture.captions == nil else { return nil }
        var sizes = model.architecture
        (sizes.classes, sizes.captions) = (0, captions)
        return try PixNerd(sizes, beginningAs: model, seed: 0)
    }
}

extension PixNerd {
    /// A model of captions that begins as a model of classes: without reading captions it gives the velocity of no class
    /// (the class-to-text start of PixArt; Chen et al., arXiv 2310.00426, section 2.3).
    ///
    /// With a modulation of its own for each block this holds at all times. With a single one it holds at `time`: the
    /// shared layer is the mean of the blocks' layers, and a block's table is what it lacks of its own there.
    ///
    /// - Parameters:
    ///   - classes: The model of classes, with a field head and the sizes of `architecture`.
    ///   - time: Where a single modulation is that of the blocks.
    ///   - seed: Seed of attention to captions and of their embedding, which are new.
    /// - Throws: `PixNerdError` if the sizes differ.
    public convenience init(
        _ architecture: PixNerdArchitecture, beginningAs classes: PixNerd, at time: Float = 0.5, seed: UInt64,
        recomputesBlocks: Bool = false
    ) throws {
        guard architecture.newParts(beginningAs: classes.architecture)?.isEmpty == false else {
            throw PixNerdError(
                .mismatch, "The model of captions",
                found: "has other sizes than the model of classes that it is to begin as: "
                    + "\(architecture.summary.joined(separator: " ")); "
                    + "\(classes.architecture.summary.joined(separator: " "))",
                advice: "set the same sizes in its model section")
        }
        self.init(architecture, seed: seed, recomputesBlocks: recomputesBlocks)
        let known = Dictionary(uniqueKeysWithValues: classes.parameters.map { ($0.name, $0.value) })
        for parameter in parameters {
            if let value = known[parameter.name] { parameter.modify { $0 = value } }
        }
        let table = known["y_embedder.embedding_table.weight"]!
        let none = table.rows(table.shape[0] - 1..<table.shape[0]).reshaped([architecture.hiddenSize])
        set("t_embedder.none", none)
        guard architecture.captions?.modulation == .single else { return }
        shareModulation(known, none: none, at: time)
    }

    private func set(_ name: String, _ value: Tensor) {
        guard let parameter = parameters.first(where: { $0.name == name }) else {
            preconditionFailure("PixNerd: there is no parameter \(name)")
        }
        parameter.modify { $0 = value }
    }

    /// Sets the shared modulation and the tables of the blocks from the layers of a model of classes.
    private func shareModulation(_ known: [String: Tensor], none: Tensor, at time: Float) {
        let width = architecture.hiddenSize
        let layers = (0..<architecture.conditionedBlocks).map { block in
            let name = "blocks.\(block).adaLN_modulation.0"
            return (weight: known["\(name).weight"]!, bias: known["\(name).bias"]!)
        }
        let share = 1 / Float(layers.count)
        func mean(_ tensors: [Tensor]) -> Tensor {
            tensors.dropFirst().reduce(Tensor.combination(share, tensors[0], 0, tensors[0])) {
                Tensor.combination(1, $0, share, $1)
            }
        }
        let (weight, bias) = (mean(layers.map(\.weight)), mean(layers.map(\.bias)))
        set("t_block.1.weight", weight)
        set("t_block.1.bias", bias)
        let condition = silu(sum(embeddedTime(time), none.reshaped([1, width])))
        let shared = linear(condition, weight: weight, bias: bias)
        for (block, layer) in layers.enumerated() {
            let own = linear(condition, weight: layer.weight, bias: layer.bias)
            set("blocks.\(block).scale_shift_table", Tensor.combination(1, own, -1, shared).reshaped([6, width]))
        }
    }
}
