import Foundation
import PixNerdDiffusion
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// Everything that decides what a class and a seed become.
public struct SamplingProvenance: Codable, Equatable, Sendable {
    /// `Fingerprint` of the file of weights.
    public var checkpointHash: String
    /// `ema` or `raw`.
    public var weights: String
    /// Of the finished pictures, in pixels, and of the canvas that they are cut from.
    public var height: Int
    public var width: Int
    public var canvasHeight: Int
    public var canvasWidth: Int
    /// `grid` or `field`.
    public var route: String
    public var sampler: String
    /// Of the sampler `adams`.
    public var order: Int?
    public var steps: Int
    public var lastStep: Float?
    public var shift: Float
    /// A scale for each interval between `guidanceTimes`.
    public var guidance: [Float]
    public var guidanceTimes: [Float]
    /// `torch`, `philox` or `file`.
    public var noise: String
    /// Of the file of noise.
    public var noiseHash: String?
    /// By whose weights, and from which scale, latents were decoded.
    public var autoencoder: String?
    /// Side of the squares that latents were decoded in, in pixels.
    public var autoencoderTile: Int?
    /// Of large products; fp32 where a manifest says nothing.
    public var precision: String?
    /// Pictures at once, on which the last bits depend.
    public var batch: Int

    /// - Parameters:
    ///   - file: The file of weights.
    ///   - noise: The noise that images begin with.
    ///   - autoencoder: The autoencoder that decodes latents; nil for pixels.
    ///   - tile: Side in pixels of the tiles that latents are decoded in; nil for whole images.
    ///   - batch: Images per batch.
    /// - Throws: `PixNerdError` where a file cannot be read.
    public init(
        file: String, weights: WeightKind, size: PictureSize, route: SizeRoute, settings: SamplingSettings,
        noise: NoiseChoice, autoencoder: AutoencoderIdentity?, tile: Int?, precision: Precision, batch: Int
    ) throws {
        checkpointHash = try Fingerprint.text(ofFile: file)
        self.weights = weights.rawValue
        (height, width, canvasHeight, canvasWidth) = (size.height, size.width, size.canvasHeight, size.canvasWidth)
        self.route = route.rawValue
        (sampler, order) = (settings.sampler.name, settings.sampler.order)
        (steps, lastStep, shift) = (settings.steps, settings.lastStep, settings.shift)
        (guidance, guidanceTimes) = (settings.guidance.scales, settings.guidance.times)
        self.noise = noise.name
        if case .file(let path) = noise { noiseHash = try Fingerprint.text(ofFile: path) }
        self.autoencoder = autoencoder.map { "\($0.fingerprint), \($0.scale.text)" }
        autoencoderTile = tile
        self.precision = precision.rawValue
        self.batch = batch
    }

    /// The first knob that is set otherwise in `other`, such as `steps is 50 and not 100`; nil where all agree.
    public func difference(from other: SamplingProvenance) throws -> String? {
        let (own, others) = (try values(), try other.values())
        let key = Set(own.keys).union(others.keys).sorted().first { own[$0] != others[$0] }
        return key.map { "\($0) is \(own[$0] ?? "not set") and not \(others[$0] ?? "not set")" }
    }

    /// Every knob that is set, as JSON shows it.
    private func values() throws -> [String: String] {
        let data = try JSON.encoder(snakeCase: true).encode(self)
        let object = try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
        return ["precision": Precision.fp32.rawValue].merging(object.mapValues { "\($0)" }) { $1 }
    }
}
