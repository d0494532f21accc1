import Foundation
import PixNerdTensors

/// Whether latents that a scale was applied to have about mean 0 and deviation 1, which diffusion counts on.
public struct LatentScaleVerdict: Sendable, Equatable {
    public enum Finding: String, Sendable, Codable {
        case near
        /// The factor is that of another published autoencoder, or this one's factor is.
        case factorOfAnother
        /// The deviation is that of latents to which the factor was applied twice.
        case scaledTwice
        /// The deviation is that of latents to which the factor was not applied.
        case notScaled
        /// The deviation is off for no known reason.
        case wrongFactor
        /// The deviation is near 1, the mean far from 0.
        case wrongShift
        /// Nothing can be said of no latents, or of such that are all equal or not finite.
        case unusable
    }

    public let finding: Finding
    /// The `scaling_factor` that brings the deviation to 1; nil where no factor does.
    public let factor: Double?
    /// What was measured and what to do, for a person.
    public let sentence: String

    public var isNear: Bool { finding == .near }

    /// The deviations that count as near 1.
    ///
    /// A published factor does not bring the latents of other pictures to 1 exactly: by the statistics that Playground
    /// v2.5 publishes of SDXL's latents (see `KnownAutoencoder`), SDXL's factor brings them to 0.90. The limits lie
    /// between that and what the best known mix-up makes of the same latents, 1.26 by Stable Diffusion 1's factor, and
    /// of latents of deviation 1 with the two factors the other way round, 0.72.
    public static let nearDeviations = 0.75...1.2

    /// How far a mean that counts as near 0 may be from it. The channels of SDXL's latents have, scaled, means of -0.22
    /// to 0.33 by the same statistics, and 0.04 in total.
    public static let nearMean = 0.5
}

extension LatentStatistics {
    /// What latents that `scale` was applied to tell of it.
    ///
    /// The statistics are those of the scaled latents.
    public func verdict(scale: LatentScale, architecture: AutoencoderArchitecture) -> LatentScaleVerdict {
        func verdict(_ finding: LatentScaleVerdict.Finding, _ factor: Double?, _ text: String) -> LatentScaleVerdict {
            LatentScaleVerdict(finding: finding, factor: factor, sentence: text)
        }
        let measured = String(format: "The scaled latents have mean %.3g and deviation %.3g", mean, deviation)
        guard count > 0 else { return verdict(.unusable, nil, "There are no latents to tell a scale by.") }
        guard deviation.isFinite, mean.isFinite else {
            return verdict(
                .unusable, nil, "The latents hold numbers that are not finite; the weights or the pictures are damaged."
            )
        }
        guard deviation > 0 else {
            return verdict(.unusable, nil, "All scaled latents are \(mean); no factor brings them to deviation 1.")
        }
        let factor = Double(scale.factor) / deviation
        let needed = "scaling_factor \(Self.text(factor)) would bring them to deviation 1"
        guard !LatentScaleVerdict.nearDeviations.contains(deviation) else {
            guard abs(mean) > LatentScaleVerdict.nearMean else {
                return verdict(.near, factor, "\(measured), near 0 and 1.")
            }
            return verdict(
                .wrongShift, factor, "\(measured), and the mean is not near 0: \(neededShift(scale)).")
        }
        let start = "\(measured) where 0 and 1 are expected"
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
            return verdict(.factorOfAnother, factor, "\(start): \(reasons.joined(separator: "; ")).")
        }
        // Of latents of deviation 1 / factor the factor makes 1, none leaves 1 / factor, two make factor.
        if LatentScaleVerdict.nearDeviations.contains(deviation / Double(scale.factor)) {
            return verdict(
                .scaledTwice, factor,
                "\(start): the deviation is near the factor \(scale.factor) itself, so the latents were scaled twice, or "
                    + "need no factor; \(needed).")
        }
        if LatentScaleVerdict.nearDeviations.contains(deviation * Double(scale.factor)) {
            return verdict(
                .notScaled, factor,
                "\(start): the deviation is near 1 / \(scale.factor), so the latents were not scaled, or need the factor "
                    + "twice; \(needed).")
        }
        let known = usual.map { "\(scale.factor) is the factor of \($0.name); " } ?? ""
        return verdict(.wrongFactor, factor, "\(start): \(known)\(needed).")
    }

    /// Half of what lies between the factors of Stable Diffusion 1 and SDXL, as a logarithm: at most so far is a factor
    /// from a published one that it is taken for.
    private static let nearFactor = 0.5 * log(0.18215 / 0.13025)

    private func neededShift(_ scale: LatentScale) -> String {
        guard scale.means == nil, scale.deviations == nil else {
            return "latents_mean or latents_std are those of other latents"
        }
        let shift = Double(scale.shift) + mean / Double(scale.factor)
        return "shift_factor \(Self.text(shift)) would bring it there"
    }

    private static func text(_ value: Double) -> String { String(format: "%.4g", value) }
}
