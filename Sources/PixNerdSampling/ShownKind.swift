import PixNerdModels

/// What a model is shown besides the noise.
public enum ShownKind: Sendable, Equatable {
    /// A ControlNet sees edges of some kind, such as `canny`, or other pictures of a folder.
    case control(edges: String?)
    /// The model itself reads pictures.
    case pictures(PictureInput)

    /// - Returns: nil for a model that is shown nothing.
    init?(_ architecture: any DenoiserArchitecture, _ checkpoint: DenoiserCheckpoint) throws {
        if architecture.pictureChannels > 0 {
            self = .pictures(try checkpoint.pictureInput)
        } else if architecture.controlBlocks > 0 {
            self = .control(edges: checkpoint.controlRecord?.kind)
        } else {
            return nil
        }
    }
}
