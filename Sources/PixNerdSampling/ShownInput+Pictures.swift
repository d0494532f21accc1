import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// The pictures of a model that reads them beside the noisy pixels.
extension ShownInput {
    /// Reads the pictures that a model was trained to read, or makes them of photographs or of the picture that is changed.
    ///
    /// - Parameters:
    ///   - edit: The picture that sampling begins with, and its mask; nil for none.
    ///   - size: The size of the images.
    ///   - name: The checkpoint's name in messages.
    /// - Returns: nil if the model reads no pictures.
    /// - Throws: `PixNerdError` if a picture is missing, cannot be read, or has another size.
    init?(
        _ choice: ControlChoice, _ loaded: LoadedDenoiser, reads input: PictureInput, edit: PictureEdit?,
        size: PictureSize, name: String
    ) throws {
        let channels = loaded.architecture.pictureChannels
        guard channels > 0 else { return nil }
        guard channels == input.channels(ofImages: loaded.format.channelCount) else {
            throw PixNerdError(
                .malformed, "\(name)",
                found: "reads pictures of \(counted(channels, "channel")), but says that they are \(input.description)",
                advice: "use another copy of it")
        }
        try Self.checkOptions(choice, input, name)
        if input.kind == .masked {
            try self.init(masked: input, edit, loaded, size: size)
            return
        }
        try Self.expectWhole(size, loaded)
        guard let path = choice.pictures ?? choice.photographs else {
            if choice.isOnlyDescribed { return nil }
            throw PixNerdError(
                .notFound, "\(name)", found: "reads \(input.description) beside noise, and none is given",
                advice: "give one with \(Setting.controlPicture)"
                    + (input.kind == .pictures
                        ? "" : ", or a photograph that it is made of with \(Setting.controlPhotograph)"))
        }
        let collection = try Self.collection(path)
        let whole = ImageSize(height: size.height, width: size.width)
        let pictures: Tensor
        if choice.photographs != nil {
            pictures = input.pictures(of: try Self.pixels(collection, whole, loaded.format, isCropped: true))
        } else if let scale = input.scale {
            guard whole.isMultiple(of: ImageSize(scale)) else {
                throw PixNerdError(
                    .unsupported, "\(Setting.size) \(size.height)x\(size.width)",
                    found: "is not a multiple of \(scale), and the model reads pictures \(scale) times smaller",
                    advice: "choose such a size")
            }
            pictures = input.enlarged(
                try Self.pixels(
                    collection, ImageSize(height: whole.height / scale, width: whole.width / scale), loaded.format,
                    isCropped: false), height: whole.height, width: whole.width)
        } else {
            pictures = input.pictures(of: try Self.pixels(collection, whole, loaded.format, isCropped: false))
        }
        let names = collection.samples.map { collection.companionStem(of: $0) }
        let made = choice.photographs == nil ? [] : PictureInput?.some(input).displayed(pictures, loaded.format)
        self.init(
            made: zip(names, made).map { ControlPicture(name: $0, image: $1) }, notices: [],
            shown: ShownPictures(pictures), edges: nil)
    }

    /// A picture with a part left out, or nothing at all.
    private init(
        masked input: PictureInput, _ edit: PictureEdit?, _ loaded: LoadedDenoiser, size: PictureSize
    ) throws {
        guard let edit, edit.mask != nil else {
            self.init(
                made: [],
                notices: [
                    "the model fills holes in pictures, and no picture with a mask is given, so it is shown nothing"
                ],
                shown: ShownPictures(
                    input.nothing(
                        channels: loaded.format.channelCount, height: size.canvasHeight, width: size.canvasWidth)),
                edges: nil)
            return
        }
        try Self.expectWhole(size, loaded)
        let masks = Tensor(edit.mask ?? [], shape: [1, 1, size.height, size.width])
        self.init(
            made: [], notices: [], shown: ShownPictures(input.pictures(of: edit.picture, masks: masks)), edges: nil)
    }

    /// Checks that only options are given that have an effect on such pictures.
    private static func checkOptions(_ choice: ControlChoice, _ input: PictureInput, _ name: String) throws {
        try expectOneKind(choice)
        let others: [(Setting, Bool)] = [
            (.edges, choice.edges != nil), (.edgeNetwork, choice.edgeNetwork != nil),
            (.controlStrength, choice.strength != 1), (.controlInterval, choice.times != 0...1),
        ]
        if let setting = others.first(where: \.1)?.0 {
            throw PixNerdError(
                .mismatch, "\(setting)",
                found: "is for ControlNets, and \(name) reads \(input.description) beside noise",
                advice: "leave it out")
        }
        if input.kind == .masked, choice.hasPictures {
            throw PixNerdError(
                .mismatch, "\(choice.pictures == nil ? Setting.controlPhotograph : Setting.controlPicture)",
                found: "is given, but \(name) reads pictures with holes",
                advice: "give the picture with \(Setting.image) and its hole with \(Setting.mask)")
        }
        if input.kind == .pictures, choice.photographs != nil {
            throw PixNerdError(
                .mismatch, "\(Setting.controlPhotograph)",
                found: "is given, but \(name) was trained on pictures of a folder, which are not made of photographs",
                advice: "give such a picture with \(Setting.controlPicture)")
        }
    }

    /// The pixels of pictures, [P, C, H, W]: cropped to a size, or of that size.
    private static func pixels(
        _ collection: ImageCollection, _ size: ImageSize, _ format: PixelFormat, isCropped: Bool
    ) throws -> Tensor {
        let reader = CropReader(collection, imageSize: size, decoding: PictureDecoding(format: format))
        return Tensor.concatenated(
            try collection.samples.indices.map { place in
                if !isCropped { try expect(try reader.storedSize(place), size, collection.samples[place].name) }
                return PixelSpace(format).encode(try reader.read(place))
            })
    }
}
