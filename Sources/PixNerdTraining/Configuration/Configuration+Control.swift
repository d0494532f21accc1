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
        let (key, edges) = (ErrorText(control.key), control.edges)
        try Self.expectNone([
            Clash(
                edges != .none && !control.pictures.isEmpty, "control.pictures",
                "is set, but control.edges is set, too", "remove one of them"),
            Clash(
                edges == .hed && control.network.isEmpty, "control.edges", "is hed, and control.hed is empty",
                "set it to ControlNetHED.pth"),
            Clash(
                edges != .hed && !control.network.isEmpty, "control.hed",
                "is set, but control.edges is \(edges.rawValue)", "set control.edges to hed, or remove control.hed"),
            Clash(
                from.isEmpty, key, "is set, but from is empty, and a ControlNet needs a trained model",
                "set from to its run or file"),
        ])
        try checkShown(key)
        let blocks = model.conditionedBlocks
        try Self.expectNone([
            Clash(
                blocks <= 1, "control.edges",
                "is set, but the model has one transformer block, and a ControlNet acts from the second on",
                "use a model with more blocks")
        ])
        guard control.blocks < blocks else {
            throw PixNerdError(
                .invalidValue, "control.blocks", found: "is \(control.blocks)",
                expected: "fewer than the model's \(blocks) transformer blocks")
        }
        try Self.expectNone([
            Clash(
                control.fields && model.head == .linear, "control.fields",
                "is set, but model.head is linear, which has no fields", "remove one of them")
        ])
        model.controlBlocks = control.blocks > 0 ? control.blocks : max(1, blocks / 2)
        model.controlsFields = control.fields
    }
}
