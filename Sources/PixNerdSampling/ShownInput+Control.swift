import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// The pictures of a ControlNet.
extension ShownInput {
    /// Reads control pictures, or finds the edges of photographs.
    ///
    /// - Parameters:
    ///   - size: The size of the images.
    ///   - name: The checkpoint's name in messages.
    /// - Returns: nil if there are no control pictures.
    /// - Throws: `PixNerdError` if the model has no ControlNet, or a picture cannot be read or has another size.
    init?(
        _ choice: ControlChoice, _ loaded: LoadedDenoiser, control record: ControlRecord?, size: PictureSize,
        name: String
    ) throws {
        guard choice.hasPictures else { return nil }
        let setting: Setting = choice.pictures == nil ? .controlPhotograph : .controlPicture
        guard loaded.architecture.controlBlocks > 0 else {
            throw PixNerdError(
                .mismatch, "\(name)", found: "has no ControlNet, so \(setting) would have no effect",
                advice: "name one with \(Setting.controlNet)")
        }
        try Self.expectOneKind(choice)
        guard choice.photographs != nil || choice.edges == nil && choice.edgeNetwork == nil else {
            throw PixNerdError(
                .mismatch, "\(choice.edges == nil ? Setting.edgeNetwork : Setting.edges)",
                found: "is given, but \(Setting.controlPicture) takes pictures as they are",
                advice: "leave it out, or name a photograph with \(Setting.controlPhotograph)")
        }
        try Self.expectWhole(size, loaded)
        guard ControlPictures.fit(loaded.format) else {
            throw PixNerdError(
                .unsupported, "\(name)", found: "makes images of \(loaded.format)",
                expected: "grey images or colours, for control pictures")
        }
        let collection = try Self.collection(choice.pictures ?? choice.photographs ?? "")
        let images = try collection.read(Array(collection.samples.indices)).map { try $0.get() }
        let names = collection.samples.map { collection.companionStem(of: $0) }
        var notices: [String] = []
        let pictures: [ControlPicture]
        let edges: EdgeKind?
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
            for (sample, image) in zip(collection.samples, images) {
                try Self.expect(
                    ImageSize(height: image.height, width: image.width),
                    ImageSize(height: size.height, width: size.width), sample.name)
            }
            edges = nil
        }
        self.init(
            made: edges == nil ? [] : pictures, notices: notices,
            shown: ShownPictures(Self.tensor(pictures, loaded), strength: choice.strength, times: choice.times),
            edges: edges)
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
}
