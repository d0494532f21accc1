import PixNerdImages
import PixNerdModels
import PixNerdSupport
import PixNerdTensors

extension Setting {
    /// The way to find edges.
    public static let edges = Setting(rawValue: "edges")
    /// The path of a network that finds edges.
    public static let edgeNetwork = Setting(rawValue: "edgeNetwork")
}

/// Finds the edges of images in one of the known ways.
public struct EdgeDetector: Sendable {
    public let kind: EdgeKind
    private let network: HED?

    /// - Parameter network: Path of the network that finds edges of kind `hed`; nil for the other kinds.
    /// - Throws: `PixNerdError` if the network is missing, not needed, or cannot be read.
    public init(_ kind: EdgeKind, network: String? = nil) throws {
        guard (kind == .hed) == (network != nil) else {
            throw kind == .hed
                ? PixNerdError(
                    .notFound, found: "Edges of kind hed need their network",
                    advice: "pass the path of ControlNetHED.pth with \(Setting.edgeNetwork)")
                : PixNerdError(
                    .mismatch, "\(Setting.edgeNetwork)",
                    found: "is given, but edges of kind \(kind.rawValue) need none",
                    advice: "leave it out, or set \(Setting.edges) to hed")
        }
        self.kind = kind
        self.network = try network.map { try HED(path: $0) }
    }

    /// What finds the edges, for checks that they are found in the same way: the kind, and a hash of the network's weights.
    public var identity: String { kind.rawValue + (network.map { " " + $0.fingerprint } ?? "") }

    /// The edges of an image.
    ///
    /// - Parameter name: The image in errors.
    /// - Throws: `PixNerdError` if the image is too small for the network.
    public func callAsFunction(_ image: RGBImage, name: String) throws -> EdgeMap {
        switch kind {
        case .canny: return Canny.usual(image)
        case .soft: return SoftEdges()(image)
        case .hed:
            guard let network else { preconditionFailure("EdgeDetector: hed without its network") }
            guard min(image.width, image.height) >= HED.smallestSide else {
                throw PixNerdError(
                    .unsupported, "\(name)", found: "has \(image.width) x \(image.height) pixels",
                    expected: "at least \(HED.smallestSide) on each side for edges of kind hed")
            }
            let plane = image.width * image.height
            let pixels = Tensor(
                (0..<3 * plane).map { Float(image.pixels[$0 % plane * 3 + $0 / plane]) },
                shape: [1, 3, image.height, image.width])
            return EdgeMap(width: image.width, height: image.height, values: network(pixels).values)
        }
    }
}
