import PixNerdImages
import PixNerdSupport

extension Evaluation {
    /// The channels and values in which two sides are measured: what both have, or 8-bit colours where one is grey and
    /// the other is not.
    ///
    /// - Parameter range: stored values that are black and white; nil for the whole range.
    /// - Throws: `PixNerdError` if the sides have other channels, or are floats without a range.
    static func commonFormat(
        _ real: PictureSource?, _ generated: PictureSource?, _ range: ClosedRange<Float>?
    ) throws -> PixelFormat {
        guard let one = real ?? generated else { return .rgb8 }
        let other = generated ?? one
        for side in [one, other] where side.format.element == .float32 && range == nil {
            throw PixNerdError(
                .notFound, "\(side.path)", found: "holds images of float32, which do not say what is black and white",
                advice: "give these two values with \(Setting.range)")
        }
        // Each file's values are taken by the range of its own type, so types may differ.
        let element = one.format.element == other.format.element ? one.format.element : .uint16
        if one.format.channels == other.format.channels {
            return PixelFormat(one.format.channels, element, range: range)
        }
        let colors: [PixelFormat.Channels] = [.grey, .rgb, .rgba, .plain(4)]
        guard colors.contains(one.format.channels), colors.contains(other.format.channels) else {
            throw PixNerdError(
                .mismatch, "\(one.path)", found: "holds images of \(one.format), and \(other.path) of \(other.format)",
                expected: "images with the same channels")
        }
        return PixelFormat(.rgb, element, range: range)
    }
}
