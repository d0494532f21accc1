/// The model section of a run's configuration.
public struct DenoiserOptions: Sendable, Equatable {
    /// What the last tokens of a patch become.
    public enum Head: String, Sendable, CaseIterable, Codable {
        /// The weights of a small MLP for each patch (PixNerd, arXiv 2507.23268).
        case field
        /// The patch itself through one matrix, as in DiT: the published latent baseline of PixNerd (DDT, Wang et al.,
        /// arXiv 2504.05741).
        case linear
    }

    /// Name of a published size, whose sizes the other keys override; empty for none.
    public var preset = ""
    /// Token width D.
    public var hiddenSize = 256
    /// Number of attention heads.
    public var heads = 4
    /// Transformer blocks and field blocks together.
    public var blocks = 8
    /// Transformer blocks among them.
    public var conditionedBlocks = 6
    /// Side of a patch in pixels.
    public var patchSize = 4
    public var head = Head.field
    /// Width of the field.
    public var fieldWidth = 32
    /// Inner width of a field block relative to the field's width.
    public var fieldRatio = 2
    /// Number of classes; 0 for as many as the folder has.
    public var classes = 0

    public init() {}
}
