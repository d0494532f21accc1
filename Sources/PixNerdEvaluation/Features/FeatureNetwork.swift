import PixNerdModels

/// A network whose features are compared, by its name in options and configurations.
public enum FeatureNetwork: String, Sendable, CaseIterable {
    case inception
    case dinov2

    /// Opens the network.
    ///
    /// - Parameters:
    ///   - path: Path of its weights.
    ///   - input: Resizing of images for Inception; DINOv2 has its own.
    /// - Throws: `PixNerdError` if the file is not such a network.
    public func extractor(path: String, input: InceptionInput) throws -> any FeatureExtractor {
        switch self {
        case .inception: try InceptionExtractor(path: path, input: input)
        case .dinov2: try DINOv2Extractor(path: path)
        }
    }
}
