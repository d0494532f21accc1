import PixNerdSupport
import PixNerdTensors

/// Pictures that a model reads beside the noisy pixels, and what they are made of images by (`data.condition`).
public struct PictureInput: Codable, Equatable, Sendable {
    public enum Kind: String, Codable, Sendable, CaseIterable {
        /// The luminance of an image.
        case grey
        /// An image reduced to a fraction of its size, and enlarged again.
        case small
        /// An image with a part left out, and what part that is.
        case masked
        /// Pictures of a folder, with the channels of the images.
        case pictures
    }

    public let kind: Kind
    /// How many times smaller `small` pictures are, along each axis; nil for other kinds.
    public let scale: Int?

    package static let key = "picture_input"
    /// How many times smaller pictures can be.
    package static let scales = 2...64

    public init(_ kind: Kind, scale: Int? = nil) { (self.kind, self.scale) = (kind, kind == .small ? scale ?? 4 : nil) }

    /// Number of channels of the pictures of images.
    public func channels(ofImages channels: Int) -> Int {
        switch kind {
        case .grey: 1
        case .small, .pictures: channels
        case .masked: channels + 1
        }
    }

    /// What a model reads, such as `small pictures, 4 times smaller`.
    public var description: String {
        switch kind {
        case .grey: "grey pictures"
        case .small: "small pictures, \(scale ?? 4) times smaller"
        case .masked: "masked pictures"
        case .pictures: "pictures of a folder"
        }
    }

    /// The pictures of images.
    ///
    /// - Parameters:
    ///   - images: [B, C, H, W], with -1 and 1 at the ends of their range.
    ///   - masks: For `masked`, how much of each pixel is left out, [B, 1, H, W] from 0 to 1.
    /// - Returns: [B, K, H, W]. `pictures` are not made of images: these come back as they are.
    public func pictures(of images: Tensor, masks: Tensor? = nil) -> Tensor {
        switch kind {
        case .grey: return luminance(images)
        case .small:
            let (height, width, scale) = (images.shape[2], images.shape[3], scale ?? 4)
            return enlarged(
                resizedBicubic(
                    images, height: max(1, height / scale), width: max(1, width / scale), kernel: .antialiased),
                height: height, width: width)
        case .masked:
            guard let masks else { preconditionFailure("PictureInput: masked pictures without masks") }
            return withHoles(images, masks)
        case .pictures: return images
        }
    }

    /// Small pictures at the size of the images.
    public func enlarged(_ small: Tensor, height: Int, width: Int) -> Tensor {
        resizedBicubic(small, height: height, width: width, kernel: .antialiased)
    }

    /// A picture of which everything is left out, [1, K, H, W], for `masked`.
    public func nothing(channels: Int, height: Int, width: Int) -> Tensor {
        withHoles(
            Tensor(zeros: [1, channels, height, width]),
            Tensor([Float](repeating: 1, count: height * width), shape: [1, 1, height, width]))
    }

    /// The luminance of colours by the weights of ITU-R BT.601, as of Pillow's mode L without its rounding.
    private func luminance(_ images: Tensor) -> Tensor {
        precondition(images.shape[1] == 3, "PictureInput: \(images.shape) are not colours")
        let area = images.shape[2] * images.shape[3]
        return Tensor(
            images.withUnsafeBuffer { values in
                (0..<images.shape[0] * area).map { index in
                    let first = index / area * 3 * area + index % area
                    return 0.299 * values[first] + 0.587 * values[first + area] + 0.114 * values[first + 2 * area]
                }
            }, shape: [images.shape[0], 1, images.shape[2], images.shape[3]])
    }

    /// Images with 0 where something is left out, then a channel that is 1 there and -1 elsewhere.
    private func withHoles(_ images: Tensor, _ masks: Tensor) -> Tensor {
        let (channels, area) = (images.shape[1], images.shape[2] * images.shape[3])
        let values = images.withUnsafeBuffer { values in
            masks.withUnsafeBuffer { masks in
                (0..<images.shape[0]).flatMap { image in
                    (0...channels).flatMap { channel in
                        (0..<area).map { place in
                            let out = masks[image * area + place]
                            return channel == channels
                                ? 2 * out - 1 : (1 - out) * values[(image * channels + channel) * area + place]
                        }
                    }
                }
            }
        }
        return Tensor(values, shape: [images.shape[0], channels + 1, images.shape[2], images.shape[3]])
    }
}

extension DenoiserCheckpoint {
    /// The pictures that the model reads, if it reads some: of a folder if the checkpoint does not say.
    ///
    /// - Throws: `PixNerdError` if what it says makes no sense.
    public var pictureInput: PictureInput {
        get throws {
            guard let text = metadata[PictureInput.key] else { return PictureInput(.pictures) }
            guard let input = JSON.value(PictureInput.self, from: text),
                input.scale.map(PictureInput.scales.contains) ?? (input.kind != .small)
            else {
                throw PixNerdError(
                    .malformed, "\(path)", found: "says that its \(PictureInput.key) is '\(text.prefix(60))'",
                    advice: "use another copy of it")
            }
            return input
        }
    }
}
