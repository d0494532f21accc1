import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// Makes or reads the pictures that a ControlNet is shown in training.
struct ControlSource {
    private enum Kind {
        case edges(EdgeDetector)
        /// Pictures of a folder.
        case folder
    }

    private let kind: Kind
    private let format: PixelFormat
    /// Path of the network of edges, or of the folder.
    private let path: String
    /// The control pictures of the images that are trained on; nil for edges.
    let companions: PictureCompanions?
    /// The control pictures of all images of `data.root`; nil for edges.
    let allCompanions: PictureCompanions?

    /// - Returns: nil if no ControlNet is trained.
    /// - Throws: `PixNerdError` if a network of edges or a control picture is missing, or the images have other channels.
    init?(_ configuration: Configuration, _ holdout: Holdout, _ format: PixelFormat) throws {
        let section = configuration.control
        guard section.isOn else { return nil }
        guard ControlPictures.fit(format) else {
            throw PixNerdError(
                .mismatch, "\(section.key)", found: "is set, but the images are \(format)",
                expected: "grey images or colours", advice: "set data.channels to one of these")
        }
        self.format = format
        guard let edges = section.edges.kind else {
            guard configuration.data.holdoutRoot.isEmpty else {
                throw PixNerdError(
                    .mismatch, "control.pictures",
                    found: "is set, but images of data.holdout_root have no control pictures",
                    advice: "hold out a share of the images with data.holdout")
            }
            (kind, path) = (.folder, section.pictures)
            companions = try PictureCompanions(root: section.pictures, of: holdout.trained)
            allCompanions = try PictureCompanions(root: section.pictures, of: holdout.all)
            return
        }
        (kind, path) = (
            .edges(try EdgeDetector(edges, network: section.network.isEmpty ? nil : section.network)), section.network
        )
        (companions, allCompanions) = (nil, nil)
    }

    /// What edges are found by; nil for pictures of a folder.
    var identity: String? { if case .edges(let detector) = kind { detector.identity } else { nil } }

    var description: String {
        switch kind {
        case .edges(let detector): "edges by \(detector.kind.rawValue)" + (path.isEmpty ? "" : " (\(path))")
        case .folder: "pictures of \(path)"
        }
    }

    /// The control pictures of images, [B, C, H, W].
    ///
    /// - Parameters:
    ///   - images: the images as they are trained on, which edges are found in.
    ///   - loaded: the images as they were loaded, with pictures of a folder.
    ///   - changed: changes pictures of a folder as the images were after loading.
    /// - Throws: `PixNerdError` if the images are too small for the network of edges.
    func pictures(
        of images: Tensor, _ loaded: LoadedBatch, changed: (Tensor) -> Tensor = { $0 }
    ) throws -> Tensor {
        switch kind {
        case .edges(let detector):
            return try ControlPictures.edges(
                of: shownPictures(images, format), detector, channels: format.channelCount)
        case .folder:
            guard let companions = loaded.ofCompanions else {
                preconditionFailure("ControlSource: images were loaded without their control pictures")
            }
            return changed(PixelSpace(format).encode(companions))
        }
    }

    /// Checks that a checkpoint was trained on control pictures that were made in the same way.
    ///
    /// - Throws: `PixNerdError` naming the directory.
    func expectSame(as record: ControlRecord?, _ directory: String) throws {
        guard let record, record.edges == identity else {
            let own = identity.map { "edges by \($0.prefix { $0 != " " })" } ?? "pictures of a folder"
            let known = record.map { $0.kind.map { "edges by \($0)" } ?? "pictures of a folder" } ?? "none"
            throw PixNerdError(
                .mismatch, "\(directory)",
                found: "was trained on other control pictures (\(known)) than the configuration asks for (\(own))",
                advice: "resume with the run's own control section, or choose another name for a new run")
        }
    }
}
