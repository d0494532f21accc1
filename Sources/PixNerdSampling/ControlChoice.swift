import PixNerdImages
import PixNerdSupport

/// The pictures that a model is shown, beside the noisy pixels or by a ControlNet.
public struct ControlChoice: Sendable {
    /// A run with a ControlNet, or a file of one; nil for that of the checkpoint itself.
    public var network: String?
    /// A control picture of the size of the images, or a folder of them, which requests take in turn; nil for none.
    public var pictures: String?
    /// A photograph, or a folder of them, that control pictures are made of; nil for none.
    public var photographs: String?
    /// What finds the edges of photographs; nil for what the ControlNet was trained with.
    public var edges: EdgeKind?
    /// The network of HED edges; nil for none.
    public var edgeNetwork: String?
    /// Factor on what the ControlNet adds.
    public var strength: Float = 1
    /// The times at which it acts; 0 is noise, 1 is data.
    public var times: ClosedRange<Float> = 0...1
    /// Whether a model is only described, so that the pictures which it needs may be missing. It makes no job then.
    public var isOnlyDescribed = false

    public init() {}

    /// Whether there are pictures.
    var hasPictures: Bool { pictures != nil || photographs != nil }
}

extension Setting {
    /// A control picture, as it is.
    public static let controlPicture = Setting(rawValue: "controlPicture")
    /// A photograph that a control picture is made of.
    public static let controlPhotograph = Setting(rawValue: "controlPhotograph")
    /// The factor on what a ControlNet adds.
    public static let controlStrength = Setting(rawValue: "controlStrength")
    /// The times at which a ControlNet acts.
    public static let controlInterval = Setting(rawValue: "controlInterval")
}
