import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdImages
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// Latents in the layout of the published training code: beside the name of each picture a file NAME.pt with `mean` and
/// `logvar`, [c, h, w], of the picture as it is, without a scale.
///
/// Such files do not say whose latents they are; some of them are compared with what an autoencoder gives.
struct LatentFiles {
    let path: String
    private let pictures: ImageCollection

    /// Files that are compared.
    private static let compared = 4
    /// How far the means may be from an autoencoder's own, as a share of their deviation: published files were computed in
    /// half precision and from pictures of another decoder, and those of another autoencoder or crop differ by more than
    /// the deviation.
    private static let tolerance = 0.1

    /// - Returns: nil where the directory holds none of the first picture.
    init?(path: String, pictures: ImageCollection) {
        (self.path, self.pictures) = (path, pictures)
        guard !pictures.samples.isEmpty, FileManager.default.fileExists(atPath: file(of: 0)) else { return nil }
    }

    private func file(of place: Int) -> String {
        let name = pictures.samples[place].name
        let relative = name.hasPrefix(pictures.root) ? String(name.dropFirst(pictures.root.count)) : name
        return "\(path)/\(relative.drop { $0 == "/" }).pt"
    }

    /// The distributions at some places of the collection: [B, 2 c, h, w].
    ///
    /// - Parameter shape: what each must have, [2 c, h, w].
    /// - Throws: one sentence that names the file that is missing or another.
    func moments(at places: [Int], shape: [Int]) throws -> Tensor {
        let half = [shape[0] / 2] + shape[1...]
        let parts = try places.map { place in
            let file = try TensorFile.open(path: file(of: place))
            return Tensor.concatenated(
                try ["mean", "logvar"].map { name in
                    guard file.shape(of: name) == half else {
                        let found = file.shape(of: name).map { "\(name) of the shape \($0)" } ?? "no \(name)"
                        throw TrainingError("\(file.path) holds \(found); \(half) is expected for latent.vae.")
                    }
                    return try file.tensor(name)
                })
        }
        return Tensor.concatenated(parts).reshaped([places.count] + shape)
    }

    /// Checks that the files are of the squares that a run sees, encoded by this autoencoder.
    func check(_ configuration: Configuration, _ autoencoder: LatentAutoencoder) throws {
        let data = configuration.data
        guard data.crop == .center, !data.flip else {
            let setting = data.flip ? "data.flip is true" : "data.crop is \(data.crop.rawValue)"
            throw TrainingError(
                "\(path) holds latents of the middle of each picture, but \(setting), which shows others; set "
                    + "\(data.flip ? "data.flip to false" : "data.crop to center"), or make latents with pixnerd encode "
                    + "latents, which keeps mirrored ones too.")
        }
        let (reader, space) = (SquareReader(pictures, imageSize: data.imageSize), LatentSpace(autoencoder.model))
        let count = min(Self.compared, pictures.samples.count)
        for place in (0..<count).map({ $0 * (pictures.samples.count / count) }) {
            guard let batch = reader.read(place..<place + 1, unreadable: { _ in }) else { continue }
            let own = space.moments(PixelSpace().encode(batch))
            let kept = try moments(at: [place], shape: Array(own.shape[1...]))
            let difference = Self.meansDifference(kept, own)
            guard difference <= Self.tolerance else {
                throw TrainingError(
                    "\(file(of: place)) is not what latent.vae \(autoencoder.identity.text) makes of the picture: the means "
                        + "differ by \(String(format: "%.2g", difference)) of their deviation, so that autoencoder, crop, "
                        + "size or scale are others.")
            }
        }
    }

    /// The root mean square of the means' difference, as a share of the deviation of `own`.
    private static func meansDifference(_ kept: Tensor, _ own: Tensor) -> Double {
        let (kept, own) = (kept.values.prefix(own.count / 2), own.values.prefix(own.count / 2))
        let mean = own.reduce(0.0) { $0 + Double($1) } / Double(own.count)
        let variance = own.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
        let error = zip(kept, own).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
        return (error / max(variance, .leastNormalMagnitude)).squareRoot()
    }
}
