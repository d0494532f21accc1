import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// Makes the pictures that a ControlNet is shown in training.
struct ControlSource {
    private let detector: EdgeDetector
    private let format: PixelFormat
    private let path: String

    /// - Returns: nil if no ControlNet is trained.
    /// - Throws: `PixNerdError` if a network of edges cannot be read, or the images have other channels.
    init?(_ configuration: Configuration, _ format: PixelFormat) throws {
        guard let kind = configuration.control.edges.kind else { return nil }
        guard ControlPictures.fit(format) else {
            throw PixNerdError(
                .mismatch, "control.edges", found: "is set, but the images are \(format)",
                expected: "grey images or colours", advice: "set data.channels to one of these")
        }
        let network = configuration.control.network
        detector = try EdgeDetector(kind, network: network.isEmpty ? nil : network)
        (self.format, path) = (format, network)
    }

    /// What the pictures are made by.
    var identity: String { detector.identity }

    var description: String { "edges by \(detector.kind.rawValue)" + (path.isEmpty ? "" : " (\(path))") }

    /// The control pictures of images, [B, C, H, W], which are cropped, flipped and resized as these are.
    ///
    /// - Throws: `PixNerdError` if the images are too small for the network of edges.
    func pictures(of images: Tensor) throws -> Tensor {
        try ControlPictures.edges(of: shownPictures(images, format), detector, channels: format.channelCount)
    }

    /// Checks that a checkpoint was trained on control pictures that were made in the same way.
    ///
    /// - Throws: `PixNerdError` naming the directory.
    func expectSame(as record: ControlRecord?, _ directory: String) throws {
        guard record?.edges != identity else { return }
        throw PixNerdError(
            .mismatch, "\(directory)",
            found: "was trained on other control pictures (\(record?.kind ?? "none")) than the configuration asks for "
                + "(\(detector.kind.rawValue))",
            advice: "resume with the run's own control section, or choose another name for a new run")
    }
}
