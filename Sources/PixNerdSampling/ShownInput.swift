import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// A picture that a model is shown, with the path of its file below the folder that was named, without its extension.
public struct ControlPicture: Sendable {
    public let name: String
    public let image: RGBImage
}

/// The pictures that a model is shown, by a ControlNet or beside the noisy pixels: read, and checked for a model and a size.
struct ShownInput {
    /// The pictures that were made of photographs; none if they were taken as they are.
    let made: [ControlPicture]
    /// What was used in the user's place, and what may mislead, as sentences.
    let notices: [String]
    let shown: ShownPictures
    /// The kind of edges that were found; nil for other pictures.
    let edges: EdgeKind?

    /// Checks that images have a size at which pictures can be shown.
    static func expectWhole(_ size: PictureSize, _ loaded: LoadedDenoiser) throws {
        guard size.isCropped else { return }
        let multiple = loaded.model.sizeMultiple * loaded.reduction
        throw PixNerdError(
            .unsupported, "\(Setting.size) \(size.height)x\(size.width)",
            found: "is not a multiple of \(multiple.text), which images with a control picture must be",
            advice: "choose such a size")
    }

    /// Checks that pictures are either taken as they are or made of photographs.
    static func expectOneKind(_ choice: ControlChoice) throws {
        guard choice.pictures == nil || choice.photographs == nil else {
            throw PixNerdError(
                .mismatch, "\(Setting.controlPicture)", found: "and \(Setting.controlPhotograph) are both given",
                advice: "leave one of them out")
        }
    }

    /// Checks that a picture that is taken as it is has the size that it must have.
    static func expect(_ own: ImageSize, _ expected: ImageSize, _ name: String) throws {
        guard own != expected else { return }
        throw PixNerdError(
            .mismatch, "\(name)",
            found: "has \(own.height) x \(own.width) pixels, and must have \(expected.height) x \(expected.width)",
            advice: "pass a picture of that size, or the photograph with \(Setting.controlPhotograph)")
    }

    static func collection(_ path: String) throws -> ImageCollection {
        guard isFolder(path) == false, fileExtension(path) != "zip", fileExtension(path) != "tar" else {
            return try ImageCollection.pictures(below: path)
        }
        return .picture(path)
    }

    /// The pictures of requests, which take them in turn.
    func pictures(ofRequests count: Int) -> RequestPictures {
        RequestPictures(shown, places: (0..<count).map { $0 % shown.tensor.shape[0] })
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
