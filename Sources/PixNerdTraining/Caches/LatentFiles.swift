import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdImages
import PixNerdPrecompute
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// Latents in the layout of the published training code: for each image NAME a file NAME.pt with `mean` and `logvar`,
/// [c, h, w], of the unmirrored image, unscaled.
///
/// Such files do not record their autoencoder, so some of them are compared with the output of the configured one.
struct LatentFiles {
    let path: String
    private let pictures: ImageCollection

    /// Maximum number of files to compare.
    private static let compared = 4
    /// Allowed difference of the means from the autoencoder's, relative to their standard deviation. Published files
    /// were computed in half precision and with another image decoder; files of another autoencoder or crop differ by
    /// more than the standard deviation.
    private static let tolerance = 0.1

    /// Opens a directory; nil if it has no file for the first image.
    init?(path: String, pictures: ImageCollection) {
        (self.path, self.pictures) = (path, pictures)
        guard !pictures.samples.isEmpty, FileManager.default.fileExists(atPath: file(of: 0)) else { return nil }
    }

    private func file(of place: Int) -> String {
        let relative = pictures.nameBelowRoot(pictures.samples[place])
        return "\(path)/\(relative.drop { $0 == "/" }).pt"
    }

    /// Distributions at some indices of the collection: [B, 2 c, h, w].
    ///
    /// - Parameter shape: expected shape of each, [2 c, h, w].
    /// - Throws: `PixNerdError` naming a file that is missing or has another shape.
    func moments(at places: [Int], shape: [Int]) throws -> Tensor {
        let half = [shape[0] / 2] + shape[1...]
        let parts = try places.map { place in
            let file = try TensorFile.open(path: file(of: place))
            return Tensor.concatenated(
                try ["mean", "logvar"].map { name in
                    guard file.shape(of: name) == half else {
                        let found = file.shape(of: name).map { "\(name) of shape \($0)" } ?? "no \(name)"
                        throw PixNerdError(
                            .mismatch, "\(file.path)", found: "holds \(found)",
                            expected: "shape \(half) for latent.vae")
                    }
                    return try file.tensor(name)
                })
        }
        return Tensor.concatenated(parts).reshaped([places.count] + shape)
    }

    /// Checks that the files belong to the crops that a run sees, encoded by this autoencoder.
    func check(_ configuration: Configuration, _ autoencoder: LatentAutoencoder) throws {
        let data = configuration.data
        guard data.crop == .center, !data.flip else {
            let setting = data.flip ? "data.flip is true" : "data.crop is \(data.crop.rawValue)"
            throw PixNerdError(
                .mismatch, "\(path)", found: "holds latents of the centre crop of each image, but \(setting)",
                advice: "set \(data.flip ? "data.flip to false" : "data.crop to center"), or generate latents with "
                    + "pixnerd encode latents, which also stores mirrored ones")
        }
        let reader = CropReader(
            pictures, imageSize: data.imageSize,
            decoding: PictureDecoding(exif: data.exif, format: autoencoder.format))
        let space = LatentSpace(autoencoder.model, format: autoencoder.format)
        let count = min(Self.compared, pictures.samples.count)
        for place in (0..<count).map({ $0 * (pictures.samples.count / count) }) {
            guard let batch = reader.read(place..<place + 1, unreadable: { _ in }) else { continue }
            let own = space.moments(of: batch)
            let kept = try moments(at: [place], shape: Array(own.shape[1...]))
            let difference = Self.meansDifference(kept, own)
            guard difference <= Self.tolerance else {
                let text = String(format: "%.2g", difference)
                throw PixNerdError(
                    .mismatch, "\(file(of: place))",
                    found:
                        "is not the image's latent under latent.vae \(autoencoder.identity.text): the means differ by "
                        + "\(text) of their standard deviation",
                    expected: "latents of the same autoencoder, crop, size and scale")
            }
        }
    }

    /// Root mean square of the difference of the means, relative to the standard deviation of `own`.
    private static func meansDifference(_ kept: Tensor, _ own: Tensor) -> Double {
        let (kept, own) = (kept.values.prefix(own.count / 2), own.values.prefix(own.count / 2))
        let mean = own.reduce(0.0) { $0 + Double($1) } / Double(own.count)
        let variance = own.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
        let error = zip(kept, own).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
        return (error / max(variance, .leastNormalMagnitude)).squareRoot()
    }
}
