import Foundation
import PixNerdTensors

/// A judgement of whether scaled latents have about mean 0 and standard deviation 1, which diffusion relies on.
public struct LatentScaleVerdict: Sendable, Equatable {
    public enum Finding: String, Sendable, Codable {
        case near
        /// The factor belongs to another published autoencoder, or this autoencoder is published with another factor.
        case factorOfAnother
        /// The standard deviation suggests that the factor was applied twice.
        case scaledTwice
        /// The standard deviation suggests that the factor was not applied.
        case notScaled
        /// The standard deviation is off for an unknown reason.
        case wrongFactor
        /// The standard deviation is near 1, but the mean is far from 0.
        case wrongShift
        /// There are no latents, or they are all equal or not finite.
        case unusable
    }

    public let finding: Finding
    /// The `scaling_factor` that brings the standard deviation to 1; nil if there is none.
    public let factor: Double?
    /// What was measured and what to do, as one sentence without a full stop.
    public let text: String

    public var isNear: Bool { finding == .near }

    /// Standard deviations that count as near 1.
    ///
    /// A published factor does not bring the latents of other images to exactly 1: by the statistics of SDXL's latents
    /// that Playground v2.5 publishes (see `KnownAutoencoder`), SDXL's factor brings them to 0.90. The limits lie
    /// between that and the results of the best known mix-up: Stable Diffusion 1's factor brings the same latents to
    /// 1.26, and the opposite mix-up brings latents of standard deviation 1 to 0.72.
    public static let nearDeviations = 0.75...1.2

    /// Largest absolute mean that counts as near 0. By the statistics of Playground v2.5, the channels of SDXL's scaled
    /// latents have means from -0.22 to 0.33, and 0.04 in total.
    public static let nearMean = 0.5
}

extension LatentStatistics {
    /// Judges `scale` by the statistics of latents that it was applied to.
    public func verdict(scale: LatentScale, architecture: AutoencoderArchitecture) -> LatentScaleVerdict {
        func verdict(_ finding: LatentScaleVerdict.Finding, _ factor: Double?, _ text: String) -> LatentScaleVerdict {
            LatentScaleVerdict(finding: finding, factor: factor, text: text)
        }
        let measured = String(format: "The scaled latents have mean %.3g and standard deviation %.3g", mean, deviation)
        guard count > 0 else { return verdict(.unusable, nil, "There are no latents to judge the scale by") }
        guard deviation.isFinite, mean.isFinite else {
            return verdict(
                .unusable, nil, "The latents have values that are not finite; the weights or the images are damaged")
        }
        guard deviation > 0 else {
            return verdict(
                .unusable, nil, "All scaled latents are \(mean); no factor brings them to standard deviation 1")
        }
        let factor = Double(scale.factor) / deviation
        let needed = "scaling_factor \(Self.text(factor)) would bring them to standard deviation 1"
        guard !LatentScaleVerdict.nearDeviations.contains(deviation) else {
            guard abs(mean) > LatentScaleVerdict.nearMean else {
                return verdict(.near, factor, "\(measured), near 0 and 1")
            }
            return verdict(
                .wrongShift, factor, "\(measured), and the mean is not near 0: \(neededShift(scale))")
        }
        let start = "\(measured), expected 0 and 1"
        let usual = KnownAutoencoder.all.first {
            $0.scale.factor == scale.factor && ($0.scale.means == nil || $0.scale.means == scale.means)
        }
        let own = KnownAutoencoder.kinds(of: architecture).first {
            $0.scale.means == scale.means && abs(log(factor / Double($0.scale.factor))) < Self.nearFactor
        }
        if own != nil || usual.map({ !$0.fits(architecture) }) ?? false {
            var reasons = [String]()
            if let usual { reasons.append("\(scale.factor) is the factor of \(usual.name)") }
            reasons.append(needed + (own.map { ", and that of \($0.name) is \($0.scale.factor)" } ?? ""))
            return verdict(.factorOfAnother, factor, "\(start): \(reasons.joined(separator: "; "))")
        }
        // A standard deviation of 1 / factor becomes 1 if scaled once, and factor if scaled twice.
        if LatentScaleVerdict.nearDeviations.contains(deviation / Double(scale.factor)) {
            return verdict(
                .scaledTwice, factor,
                "\(start): the standard deviation is near the factor \(scale.factor) itself, so the latents were "
                    + "scaled twice, or need no factor; \(needed)")
        }
        if LatentScaleVerdict.nearDeviations.contains(deviation * Double(scale.factor)) {
            return verdict(
                .notScaled, factor,
                "\(start): the standard deviation is near 1 / \(scale.factor), so the latents were not scaled, or "
                    + "need the factor twice; \(needed)")
        }
        let known = usual.map { "\(scale.factor) is the factor of \($0.name); " } ?? ""
        return verdict(.wrongFactor, factor, "\(start): \(known)\(needed)")
    }

    /// Largest log-ratio of a factor and a published factor that count as the same: half of the log-ratio between the
    /// factors of Stable Diffusion 1 and SDXL.
    private static let nearFactor = 0.5 * log(0.18215 / 0.13025)

    private func neededShift(_ scale: LatentScale) -> String {
        guard scale.means == nil, scale.deviations == nil else {
            return "latents_mean or latents_std belong to other latents"
        }
        let shift = Double(scale.shift) + mean / Double(scale.factor)
        return "shift_factor \(Self.text(shift)) would bring it there"
    }

    private static func text(_ value: Double) -> String { String(format: "%.4g", value) }
}
