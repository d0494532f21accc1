/// A factor of the squared error of velocity by time. With r = t / (1 - t), the ratio of signal to noise:
public enum TimeWeight: String, Sendable, CaseIterable {
    /// 1, as in all published configurations of PixNerd.
    case constant
    /// 1 / (1 - t)^2
    case inverseSigma = "inverse_sigma"
    /// r
    case ratio = "snr"
    /// The larger of r and 5, under the name that published code has for it.
    case largerRatio = "minsnr"
    /// The smaller of r and 5, under the name that published code has for it.
    case smallerRatio = "maxsnr"
    /// (1 - t)^2 min(r^2, 5): Min-SNR weighting of the error of the image (Hang et al., arXiv 2303.09556, section 3.4).
    case minimumSNR = "min_snr"

    /// The factor at a time in [0, 1]; finite at 1 too.
    public func callAsFunction(_ time: Float) -> Float {
        let rest = max(1 - time, 1e-6)
        let ratio = time / rest
        return switch self {
        case .constant: 1
        case .inverseSigma: 1 / (rest * rest)
        case .ratio: ratio
        case .largerRatio: max(ratio, 5)
        case .smallerRatio: min(ratio, 5)
        case .minimumSNR: min(ratio * ratio, 5) * rest * rest
        }
    }
}
