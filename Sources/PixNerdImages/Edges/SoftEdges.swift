import Foundation

/// Soft edges without a network: the gradient of the luminance at three scales, each relative to its own strong edges.
///
/// The luminance is blurred by Gaussians of 1, 2 and 4 pixels. The length of the central difference is divided by its 99th
/// percentile; the edges are the mean of the three, cut to 1. Networks that are controlled by HED's edges take these,
/// too.
public struct SoftEdges: Sendable {
    private static let deviations = [1, 2, 4]

    public init() {}

    /// The edges of an image.
    public func callAsFunction(_ image: RGBImage) -> EdgeMap {
        let plane = Plane(luminanceOf: image)
        var total = [Double](repeating: 0, count: plane.values.count)
        for deviation in Self.deviations {
            let lengths = plane.blurred(deviation: deviation).gradientLengths
            // A plain image has no edges, and rounding errors are none.
            let scale = 1 / max(Self.quantile(0.99, of: lengths), 1e-6)
            for index in total.indices { total[index] += lengths[index] * scale }
        }
        return EdgeMap(
            width: image.width, height: image.height,
            values: total.map { Float(min($0 / Double(Self.deviations.count), 1)) })
    }

    /// A quantile of some numbers, interpolated between the two nearest.
    private static func quantile(_ share: Double, of numbers: [Double]) -> Double {
        let sorted = numbers.sorted()
        let place = share * Double(sorted.count - 1)
        let low = Int(place)
        let high = min(low + 1, sorted.count - 1)
        return sorted[low] + (place - Double(low)) * (sorted[high] - sorted[low])
    }
}

/// The values of an image of one channel, whose borders repeat.
private struct Plane {
    let width: Int
    let height: Int
    var values: [Double]

    /// The luminance of an image, from 0 to 1 (ITU-R BT.601).
    init(luminanceOf image: RGBImage) {
        (width, height) = (image.width, image.height)
        values = (0..<image.width * image.height).map { index in
            let (red, green, blue) = (
                image.pixels[3 * index], image.pixels[3 * index + 1], image.pixels[3 * index + 2]
            )
            return (0.299 * Double(red) + 0.587 * Double(green) + 0.114 * Double(blue)) / 255
        }
    }

    /// The image after a Gaussian filter that ends at three deviations.
    func blurred(deviation: Int) -> Plane {
        let radius = 3 * deviation
        let taps = (-radius...radius).map { exp(-0.5 * pow(Double($0) / Double(deviation), 2)) }
        let sum = taps.reduce(0, +)
        let kernel = taps.map { $0 / sum }
        var (rows, result) = (self, self)
        for y in 0..<height {
            for x in 0..<width {
                var value = 0.0
                for (tap, weight) in kernel.enumerated() {
                    value += weight * values[y * width + min(max(x + tap - radius, 0), width - 1)]
                }
                rows.values[y * width + x] = value
            }
        }
        for y in 0..<height {
            for x in 0..<width {
                var value = 0.0
                for (tap, weight) in kernel.enumerated() {
                    value += weight * rows.values[min(max(y + tap - radius, 0), height - 1) * width + x]
                }
                result.values[y * width + x] = value
            }
        }
        return result
    }

    /// The length of the central difference at each pixel.
    var gradientLengths: [Double] {
        (0..<width * height).map { index in
            let (x, y) = (index % width, index / width)
            let across = values[y * width + min(x + 1, width - 1)] - values[y * width + max(x - 1, 0)]
            let down = values[min(y + 1, height - 1) * width + x] - values[max(y - 1, 0) * width + x]
            return (across * across + down * down).squareRoot() / 2
        }
    }
}
