import PixNerdImages
import PixNerdModels
import PixNerdSupport

extension Configuration {
    /// The pictures that a ControlNet is trained on, off by default. The model that it controls is `from`.
    public struct ControlSection: Sendable, Equatable {
        /// What control pictures are made of the images by.
        public enum Edges: String, Sendable, CaseIterable {
            case none
            case canny
            case soft
            case hed

            /// The kind of edges; nil for none.
            var kind: EdgeKind? { EdgeKind(rawValue: rawValue) }
        }

        public var edges = Edges.none
        /// Folder of control pictures with the names of the images, instead of edges; empty for none.
        public var pictures = ""
        /// Path of the network of HED edges; empty for none.
        public var network = ""
        /// Number of transformer blocks that the ControlNet has copies of; 0 for half of them.
        public var blocks = 0
        /// Whether fields read control pictures, too, pixel by pixel.
        public var fields = false

        public var isOn: Bool { edges != .none || !pictures.isEmpty }
        /// The key that asks for a ControlNet.
        var key: String { edges != .none ? "control.edges" : "control.pictures" }
    }

    /// Checks that a ControlNet fits the rest, and sets its size.
    ///
    /// - Throws: `PixNerdError` naming the key that does not fit.
    mutating func addControl() throws {
        guard control.isOn else {
            if let key = firstKeyInUse(of: "control") {
                throw PixNerdError(
                    .mismatch, "\(key)", found: "is set, but control.edges is none and control.pictures empty",
                    advice: "set one of these, or remove \(key)")
            }
            return
        }
        if control.edges != .none, !control.pictures.isEmpty {
            throw clash("control.pictures", "is set, but control.edges is set, too", "remove one of them")
        }
        if (control.edges == .hed) == control.network.isEmpty {
            throw control.network.isEmpty
                ? clash("control.edges", "is hed, and control.hed is empty", "set it to ControlNetHED.pth")
                : clash(
                    "control.hed", "is set, but control.edges is \(control.edges.rawValue)",
                    "set control.edges to hed, or remove control.hed")
        }
        if from.isEmpty {
            throw clash(
                control.key, "is set, but from is empty, and a ControlNet needs a trained model",
                "set from to its run or file")
        }
        try checkShown(control.key)
        let blocks = model.conditionedBlocks
        guard blocks > 1 else {
            throw clash(
                "control.edges",
                "is set, but the model has one transformer block, and a ControlNet acts from the second on",
                "use a model with more blocks")
        }
        guard control.blocks < blocks else {
            throw PixNerdError(
                .invalidValue, "control.blocks", found: "is \(control.blocks)",
                expected: "fewer than the model's \(blocks) transformer blocks")
        }
        model.controlBlocks = control.blocks > 0 ? control.blocks : max(1, blocks / 2)
        if control.fields, model.head == .linear {
            throw clash("control.fields", "is set, but model.head is linear, which has no fields", "remove one of them")
        }
        model.controlsFields = control.fields
    }

    private func clash(_ key: String, _ found: ErrorText, _ advice: ErrorText) -> PixNerdError {
        PixNerdError(.mismatch, "\(key)", found: found, advice: advice)
    }

    /// The key by which the model is shown pictures; nil if it is shown none.
    var shownKey: String? { control.isOn ? control.key : data.pictureInput == nil ? nil : "data.condition" }

    /// Checks that pictures that are read beside the noisy pixels fit the rest.
    ///
    /// - Throws: `PixNerdError` naming the key that does not fit.
    func checkCondition() throws {
        guard let input = data.pictureInput else {
            guard data.conditionScale == DataSection().conditionScale else {
                throw clash(
                    "data.condition_scale", "is set, but data.condition is empty",
                    "set data.condition to small, or remove data.condition_scale")
            }
            return
        }
        let key = "data.condition"
        if control.isOn { throw clash(key, "is set, but \(control.key) is set, too", "remove one of them") }
        try checkShown(key)
        guard let scale = input.scale else {
            guard data.conditionScale == DataSection().conditionScale else {
                throw clash(
                    "data.condition_scale", "is set, but \(key) is \(data.condition)",
                    "set \(key) to small, or remove data.condition_scale")
            }
            return
        }
        let sizes = try batchSizes(patch: model.patchSize) + training.fieldSizes.map { ImageSize($0) }
        if let size = sizes.first(where: { !$0.isMultiple(of: ImageSize(scale)) }) {
            throw PixNerdError(
                .mismatch, "data.condition_scale", found: "is \(scale), which does not divide images of \(size)",
                advice: "choose a divisor of all sizes")
        }
    }

    /// Checks that the rest allows for pictures that the model is shown.
    private func checkShown(_ key: String) throws {
        if space == .latent {
            throw clash(
                key, "is set, but space is latent, and these pictures are pixels",
                "train a model of pixels, or remove \(key)")
        }
        if fewSteps.method != .none {
            throw clash(key, "is set, but few_steps.method is \(fewSteps.method.rawValue)", "remove one of them")
        }
        if training.train != .all {
            throw clash(key, "is set, but training.train is \(training.train.rawValue)", "remove one of them")
        }
        if !subject.className.isEmpty {
            throw clash(key, "is set, but subject.class is set, too", "remove one of them")
        }
        if text.isOn, model.conditioning == .joint {
            throw clash(
                key, "is set, but model.conditioning is joint_attention",
                "use a model of classes, or one with model.conditioning cross_attention")
        }
    }
}

extension Configuration.DataSection {
    /// What the model reads beside the noisy pixels; nil for nothing.
    var pictureInput: PictureInput? {
        guard !condition.isEmpty else { return nil }
        return PictureInput(
            PictureInput.Kind(rawValue: condition).flatMap { $0 == .pictures ? nil : $0 } ?? .pictures,
            scale: conditionScale)
    }
}
