/// The ways to find the edges of images.
public enum EdgeKind: String, Sendable, CaseIterable, Codable {
    /// Lines one pixel wide (`Canny`).
    case canny
    /// Gradients at three scales (`SoftEdges`).
    case soft
    /// Edges that a network finds.
    case hed
}
