import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// Makes or reads the pictures that a model is shown in training: by a ControlNet, or beside the noisy pixels.
struct ShownSource {
    private enum Kind {
        case edges(EdgeDetector)
        /// What is made of the images, but for pictures of a folder.
        case input(PictureInput)
        /// Pictures of a folder.
        case folder
    }

    private let kind: Kind
    private let format: PixelFormat
    /// Path of the network of edges, or of the folder.
    private let path: String
    /// The pictures that belong to the images that are trained on; nil if they are made of these.
    let companions: PictureCompanions?
    /// The pictures that belong to all images of `data.root`; nil if they are made of these.
    let allCompanions: PictureCompanions?
    /// What the model reads beside the noisy pixels; nil for a ControlNet.
    let input: PictureInput?

    /// - Returns: nil if the model is shown no pictures.
    /// - Throws: `PixNerdError` if a network of edges or a picture is missing, or the images have other channels.
    init?(_ configuration: Configuration, _ holdout: Holdout, _ format: PixelFormat) throws {
        let (section, input) = (configuration.control, configuration.data.pictureInput)
        guard let key = configuration.shownKey else { return nil }
        let fits =
            switch input?.kind {
            case nil: ControlPictures.fit(format)
            case .grey: format.channels == .rgb
            case .small, .masked, .pictures: true
            }
        guard fits else {
            throw PixNerdError(
                .mismatch, "\(key)", found: "is set\(input == nil ? "" : " to grey"), but the images are \(format)",
                expected: input == nil ? "grey images or colours" : "colours",
                advice: "set data.channels to \(input == nil ? "one of these" : "rgb")")
        }
        (self.format, self.input) = (format, input)
        let folder = input == nil ? section.pictures : input?.kind == .pictures ? configuration.data.condition : ""
        guard folder.isEmpty else {
            guard configuration.data.holdoutRoot.isEmpty else {
                throw PixNerdError(
                    .mismatch, "\(key)",
                    found: "is a folder, but the images of data.holdout_root have no pictures in it",
                    advice: "hold out a share of the images with data.holdout")
            }
            (kind, path) = (.folder, folder)
            companions = try PictureCompanions(root: folder, of: holdout.trained)
            allCompanions = try PictureCompanions(root: folder, of: holdout.all)
            return
        }
        (companions, allCompanions) = (nil, nil)
        if let input {
            (kind, path) = (.input(input), "")
        } else {
            (kind, path) = (
                .edges(
                    try EdgeDetector(
                        section.edges.kind ?? .canny, network: section.network.isEmpty ? nil : section.network)),
                section.network
            )
        }
    }

    /// What edges are found by; nil for pictures of a folder.
    var identity: String? { if case .edges(let detector) = kind { detector.identity } else { nil } }

    /// The name of the line that tells what the model is shown, and its text.
    var description: (name: String, text: String) {
        let text =
            switch kind {
            case .edges(let detector): "edges by \(detector.kind.rawValue)" + (path.isEmpty ? "" : " (\(path))")
            case .input(let input): "\(input.description), read beside the noisy pixels"
            case .folder: "pictures of \(path)" + (input == nil ? "" : ", read beside the noisy pixels")
            }
        return (input == nil ? "control" : "condition", text)
    }

    /// The pictures of images, [B, K, H, W].
    ///
    /// - Parameters:
    ///   - images: the images as they are trained on, which pictures are made of.
    ///   - loaded: the images as they were loaded, with pictures of a folder.
    ///   - masks: the numbers that the part of an image that is left out is drawn from, by its place in the batch.
    ///   - changed: changes pictures of a folder as the images were after loading.
    /// - Throws: `PixNerdError` if the images are too small for the network of edges.
    func pictures(
        of images: Tensor, _ loaded: LoadedBatch, masks: (Int) -> RandomStream, changed: (Tensor) -> Tensor = { $0 }
    ) throws -> Tensor {
        switch kind {
        case .edges(let detector):
            return try ControlPictures.edges(
                of: shownPictures(images, format), detector, channels: format.channelCount)
        case .input(let input):
            guard input.kind == .masked else { return input.pictures(of: images) }
            let drawn = (0..<images.shape[0]).map { place in
                var numbers = masks(place)
                return RandomMask.draw(height: images.shape[2], width: images.shape[3], &numbers)
            }
            return input.pictures(of: images, masks: Tensor.concatenated(drawn))
        case .folder:
            guard let companions = loaded.ofCompanions else {
                preconditionFailure("ShownSource: images were loaded without their pictures")
            }
            return changed(PixelSpace(format).encode(companions))
        }
    }

    /// Pictures as they are shown to people.
    func displayed(_ pictures: Tensor) -> [RGBImage] { input.displayed(pictures, format) }

    /// Checks that a checkpoint was trained on pictures that were made in the same way.
    ///
    /// - Throws: `PixNerdError` naming the directory.
    func expectSame(as checkpoint: DenoiserCheckpoint, _ directory: String) throws {
        func other(_ known: String, _ own: String, _ section: String) -> PixNerdError {
            PixNerdError(
                .mismatch, "\(directory)",
                found: "was trained on other \(section == "control section" ? "control " : "")pictures (\(known)) than "
                    + "the configuration asks for (\(own))",
                advice: "resume with the run's own \(section), or choose another name for a new run")
        }
        if let input {
            let known = try checkpoint.pictureInput
            guard known == input else {
                throw other(known.description, input.description, "data.condition")
            }
            return
        }
        guard let record = checkpoint.controlRecord, record.edges == identity else {
            let own = identity.map { "edges by \($0.prefix { $0 != " " })" } ?? "pictures of a folder"
            let known =
                checkpoint.controlRecord.map { $0.kind.map { "edges by \($0)" } ?? "pictures of a folder" } ?? "none"
            throw other(known, own, "control section")
        }
    }
}
