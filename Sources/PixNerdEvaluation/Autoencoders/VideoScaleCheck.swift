import Foundation
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// Checks whether a video autoencoder's numbers bring its latents to mean 0 and standard deviation 1, and which factor of the
/// image autoencoder's latents the temporal part was trained with.
public struct VideoScaleCheck: Encodable, Sendable {
    /// The latents that a factor gives.
    public struct Trial: Encodable, Sendable {
        public let factor: Float
        /// Name of the published image autoencoder that the factor belongs to; nil if there is none.
        public let owner: String?
        /// Mean and standard deviation of the normalized latents.
        public let mean: Double
        public let deviation: Double
        public let channels: [AutoencoderScaleCheck.Channel]

        /// How far the channels are from mean 0 and standard deviation 1: the mean of m^2 + log(s)^2.
        var distance: Double {
            channels.reduce(0) { $0 + $1.mean * $1.mean + log($1.deviation) * log($1.deviation) }
                / Double(channels.count)
        }
    }

    public let path: String
    public let fingerprint: String
    /// Films that were measured.
    public let films: [String]
    public let frames: Int
    /// The trial of the factor that is used, and then those of the other known factors.
    public let trials: [Trial]
    /// Mean and standard deviation of the image autoencoder's unscaled latents, channel by channel.
    public let spatialChannels: [AutoencoderScaleCheck.Channel]
    /// The factor that would bring the image autoencoder's latents to standard deviation 1.
    public let spatialFactor: Double
    /// Whether mean and standard deviation with the factor that is used are near 0 and 1.
    public let isNear: Bool
    /// The factor that brings the latents nearest to mean 0 and standard deviation 1.
    public let fittingFactor: Float
    /// The finding in one sentence.
    public let sentence: String

    enum CodingKeys: String, CodingKey {
        case path, fingerprint, films, frames, trials, sentence
        case spatialChannels = "spatial_channels"
        case spatialFactor = "spatial_needed_factor"
        case isNear = "near"
        case fittingFactor = "fitting_factor"
    }

    /// Measures the means of the latents of films.
    ///
    /// - Parameters:
    ///   - paths: films, at least one.
    ///   - bytes: memory for weights and computation; nil for three quarters of what there is.
    ///   - tile: the side of tiles in pixels; nil for whole frames, or for as large tiles as fit.
    ///   - progress: receives the number of films that are done.
    /// - Throws: `PixNerdError` if the autoencoder or a film cannot be used.
    public init(
        _ checkpoint: VideoAutoencoderCheckpoint, films paths: [String], bytes: Double? = nil, tile: Int? = nil,
        progress: (_ films: Int) -> Void = { _ in }
    ) throws {
        precondition(!paths.isEmpty, "VideoScaleCheck: no films")
        let model = try checkpoint.load()
        let own = model.numbers.spatialFactor
        let factors = [own] + VideoNumbers.knownFactors.map(\.factor).filter { $0 != own }
        var spatial = LatentStatistics(channels: model.spatial.latentChannels)
        var measured = factors.map { _ in LatentStatistics(channels: model.latentChannels) }
        var frames = 0
        for (done, path) in paths.enumerated() {
            let clip = try Clip.read(path)
            let space = try VideoSpace(model, size: clip.size, bytes: bytes, tile: tile, name: path)
            for piece in model.pieces.pieces(frames: clip.frames.count) {
                model.forEachTile(of: space.pixels(clip.frames[piece.frames]), plan: space.plan) { tile in
                    let x = scaled(model.frameLatents(tile, atOnce: space.plan.framesAtOnce), by: 1 / own)
                    spatial.add(x)
                    for (index, factor) in factors.enumerated() {
                        measured[index].add(model.means(ofFrameLatents: scaled(x, by: factor)))
                    }
                }
            }
            frames += clip.frames.count
            progress(done + 1)
        }
        trials = zip(factors, measured).map { factor, statistics in
            Trial(
                factor: factor, owner: VideoNumbers.knownFactors.first { $0.factor == factor }?.name,
                mean: statistics.mean, deviation: statistics.deviation, channels: Self.channels(statistics))
        }
        let (first, needed) = (trials[0], spatial.factor)
        guard trials.allSatisfy({ $0.mean.isFinite && $0.deviation.isFinite }), needed.isFinite else {
            throw PixNerdError(
                .notFinite, "\(checkpoint.path)", found: "gives latents that are not finite or all equal",
                advice: "check its weights and the film")
        }
        let best = trials.min { $0.distance < $1.distance } ?? first
        (path, fingerprint, films, self.frames) = (checkpoint.path, model.fingerprint, paths, frames)
        (spatialChannels, spatialFactor) = (Self.channels(spatial), needed)
        isNear =
            LatentScaleVerdict.nearDeviations.contains(first.deviation)
            && abs(first.mean) <= LatentScaleVerdict.nearMean
        fittingFactor = best.factor
        sentence = Self.sentence(trials, best: best, needed: needed)
    }

    private static func channels(_ statistics: LatentStatistics) -> [AutoencoderScaleCheck.Channel] {
        zip(statistics.channelMeans, statistics.channelDeviations).map {
            AutoencoderScaleCheck.Channel(mean: $0, deviation: $1)
        }
    }

    private static func sentence(_ trials: [Trial], best: Trial, needed: Double) -> String {
        func text(_ factor: Float, _ owner: String?) -> String {
            "\(factor)" + (owner.map { ", that of \($0)," } ?? "")
        }
        let others = trials.filter { $0.factor != best.factor }.map { other in
            String(format: "with \(other.factor) mean %.3g and deviation %.3g", other.mean, other.deviation)
        }
        let nearest = VideoNumbers.knownFactors.min {
            abs(log(needed / Double($0.factor))) < abs(log(needed / Double($1.factor)))
        }
        let alone = nearest.map {
            String(
                format: "; the image autoencoder by itself would need %.4g, to which \($0.factor) is nearest", needed)
        }
        let used = best.factor == trials[0].factor ? "" : ", but the weights are used with \(trials[0].factor)"
        return text(best.factor, best.owner)
            + String(
                format: " fits: the normalized latents have mean %.3g and deviation %.3g, ", best.mean, best.deviation)
            + others.joined(separator: ", ") + (alone ?? "") + used + "."
    }
}
