import Foundation
import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// A control picture, with the path of its file below the folder that was named, without its extension.
public struct ControlPicture: Sendable {
    public let name: String
    public let image: RGBImage
}

/// Control pictures, read and checked for a model and a size.
struct ControlInput {
    let pictures: [ControlPicture]
    /// What was used in the user's place, and what may mislead, as sentences.
    let notices: [String]
    private let shown: ShownPictures
    /// The kind of edges that were found; nil for pictures as they are.
    let edges: EdgeKind?

    /// - Parameters:
    ///   - size: The size of the images.
    ///   - name: The checkpoint's name in messages.
    /// - Returns: nil if there are no control pictures.
    /// - Throws: `PixNerdError` if the model has no ControlNet, or a picture cannot be read or has another size.
    init?(
        _ choice: ControlChoice, _ loaded: LoadedDenoiser, _ record: ControlRecord?, size: PictureSize, name: String
    ) throws {
        guard choice.hasPictures else { return nil }
        let setting: Setting = choice.pictures == nil ? .controlPhotograph : .controlPicture
        guard loaded.architecture.controlBlocks > 0 else {
            throw PixNerdError(
                .mismatch, "\(name)", found: "has no ControlNet, so \(setting) would have no effect",
                advice: "name one with \(Setting.controlNet)")
        }
        guard choice.pictures == nil || choice.photographs == nil else {
            throw PixNerdError(
                .mismatch, "\(Setting.controlPicture)", found: "and \(Setting.controlPhotograph) are both given",
                advice: "leave one of them out")
        }
        guard choice.photographs != nil || choice.edges == nil && choice.edgeNetwork == nil else {
            throw PixNerdError(
                .mismatch, "\(choice.edges == nil ? Setting.edgeNetwork : Setting.edges)",
                found: "is given, but \(Setting.controlPicture) takes pictures as they are",
                advice: "leave it out, or name a photograph with \(Setting.controlPhotograph)")
        }
        guard !size.isCropped else {
            let multiple = loaded.model.sizeMultiple * loaded.reduction
            throw PixNerdError(
                .unsupported, "\(Setting.size) \(size.height)x\(size.width)",
                found: "is not a multiple of \(multiple.text), which images with a control picture must be",
                advice: "choose such a size")
        }
        guard ControlPictures.fit(loaded.format) else {
            throw PixNerdError(
                .unsupported, "\(name)", found: "makes images of \(loaded.format)",
                expected: "grey images or colours, for control pictures")
        }
        let collection = try Self.collection(choice.pictures ?? choice.photographs ?? "")
        let images = try collection.read(Array(collection.samples.indices)).map { try $0.get() }
        let names = collection.samples.map { collection.companionStem(of: $0) }
        var notices: [String] = []
        if choice.photographs != nil {
            let kind = choice.edges ?? record?.kind.flatMap(EdgeKind.init) ?? .canny
            if choice.edges == nil { notices.append("edges are found by \(kind.rawValue)") }
            if let trained = record?.kind, trained != kind.rawValue {
                notices.append("the ControlNet was trained on \(trained) edges, and these are \(kind.rawValue)")
            }
            let detector = try EdgeDetector(kind, network: choice.edgeNetwork)
            pictures = try zip(images, zip(collection.samples, names)).map { image, of in
                let crop = admCenterCrop(image, size: ImageSize(height: size.height, width: size.width))
                return ControlPicture(name: of.1, image: try detector(crop, name: of.0.name).image)
            }
            edges = kind
        } else {
            pictures = zip(names, images).map { ControlPicture(name: $0, image: $1) }
            for (sample, image) in zip(collection.samples, images)
            where image.height != size.height || image.width != size.width {
                throw PixNerdError(
                    .mismatch, "\(sample.name)",
                    found: "has \(image.height) x \(image.width) pixels, and the images \(size.height) x \(size.width)",
                    advice: "pass a control picture of that size, or the photograph with \(Setting.controlPhotograph)")
            }
            edges = nil
        }
        self.notices = notices
        shown = ShownPictures(Self.tensor(pictures, loaded), strength: choice.strength, times: choice.times)
    }

    private static func collection(_ path: String) throws -> ImageCollection {
        guard isFolder(path) == false, fileExtension(path) != "zip", fileExtension(path) != "tar" else {
            return try ImageCollection.pictures(below: path)
        }
        return .picture(path)
    }

    /// The pictures as the data that the model diffuses.
    private static func tensor(_ pictures: [ControlPicture], _ loaded: LoadedDenoiser) -> Tensor {
        let size = ImageSize(height: pictures[0].image.height, width: pictures[0].image.width)
        let batch = LoadedBatch(
            pixels: .bytes(pictures.flatMap(\.image.pixels)), labels: pictures.map { _ in 0 },
            indices: Array(pictures.indices), imageSize: size)
        guard loaded.autoencoder == nil else {
            return loaded.space().encode(batch) { RandomStream(seed: 0, purpose: .latents, index: $0) }
        }
        let colors = PixelSpace().encode(batch)
        guard loaded.format.channelCount == 1 else { return colors }
        let area = size.area
        return Tensor(
            colors.withUnsafeBuffer { values in
                (0..<pictures.count * area).map { index in
                    let first = index / area * 3 * area + index % area
                    return (values[first] + values[first + area] + values[first + 2 * area]) / 3
                }
            }, shape: [pictures.count, 1, size.height, size.width])
    }

    /// The pictures of requests, which take them in turn.
    func pictures(ofRequests count: Int) -> RequestPictures {
        RequestPictures(shown, places: (0..<count).map { $0 % pictures.count })
    }

    /// A hash of the pictures, and how they act.
    var provenance: SamplingProvenance.Control {
        var hash = Fingerprint()
        hash.add(shown.tensor)
        return SamplingProvenance.Control(
            pictures: hash.text, edges: edges?.rawValue, strength: shown.strength,
            times: [shown.times.lowerBound, shown.times.upperBound])
    }
}
