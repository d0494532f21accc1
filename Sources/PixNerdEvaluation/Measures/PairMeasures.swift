import Foundation
import PixNerdTensors

/// Measures the similarity of two images that should be equal, such as an image and its reconstruction.
public enum PairMeasures {
    /// Peak signal-to-noise ratio of each pair in dB; infinite for equal images.
    public static func peakSignalToNoise(_ first: PixelBatch, _ second: PixelBatch) -> [Double] {
        check(first, second)
        return parallelMap(first.count) { picture in
            guard first.isRGB8 else { return ratioOfPlanes(first, second, picture) }
            let range = picture * first.pictureSize..<(picture + 1) * first.pictureSize
            let squares = zip(first.pixels[range], second.pixels[range]).reduce(0) { sum, pair in
                let difference = Int(pair.0) - Int(pair.1)
                return sum + difference * difference
            }
            return 10 * log10(255 * 255 * Double(first.pictureSize) / Double(squares))
        }
    }

    private static func ratioOfPlanes(_ first: PixelBatch, _ second: PixelBatch, _ picture: Int) -> Double {
        let squares = (0..<first.channels).reduce(0.0) { sum, channel in
            let planes = (first.plane(picture, channel: channel), second.plane(picture, channel: channel))
            return zip(planes.0.values, planes.1.values).reduce(sum) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        }
        return 10 * log10(255 * 255 * Double(first.channels * first.height * first.width) / squares)
    }

    /// Structural similarity of each pair, at most 1 (Wang et al., IEEE Transactions on Image Processing 13, 2004).
    ///
    /// Windows have Gaussian weights with a standard deviation of 1.5 pixels, and covariances are population
    /// covariances. The result is the mean over channels and over the windows that lie inside the image, which
    /// scikit-image computes with `gaussian_weights=True, sigma=1.5, use_sample_covariance=False`.
    ///
    /// - Precondition: height and width are at least 11 pixels.
    public static func structuralSimilarity(_ first: PixelBatch, _ second: PixelBatch) -> [Double] {
        check(first, second)
        precondition(
            min(first.height, first.width) >= smallestSide,
            "structuralSimilarity: images of \(first.height) x \(first.width)")
        return parallelMap(first.count) { picture in
            (0..<first.channels).reduce(0) { sum, channel in
                sum + similarity(first.plane(picture, channel: channel), second.plane(picture, channel: channel))
                    / Double(first.channels)
            }
        }
    }

    /// Smallest side in pixels for structural similarity.
    public static let smallestSide = 11

    /// Normalized Gaussian weights with a standard deviation of 1.5 pixels, cut off at 3.5 standard deviations.
    private static let window: [Double] = {
        let weights = (-5...5).map { exp(-0.5 * Double($0 * $0) / (1.5 * 1.5)) }
        return weights.map { $0 / weights.reduce(0, +) }
    }()

    private static func similarity(_ x: Plane, _ y: Plane) -> Double {
        func mean(_ value: (Double, Double) -> Double) -> [Double] {
            blurred(Plane(height: x.height, width: x.width, values: zip(x.values, y.values).map(value))).values
        }
        let (meanX, meanY) = (mean { x, _ in x }, mean { _, y in y })
        let (squareX, squareY, product) = (mean { x, _ in x * x }, mean { _, y in y * y }, mean { $0 * $1 })
        let (low, high) = ((0.01 * 255) * (0.01 * 255), (0.03 * 255) * (0.03 * 255))
        let sum = meanX.indices.reduce(0.0) { sum, i in
            let (x, y) = (meanX[i], meanY[i])
            let spread = squareX[i] - x * x + squareY[i] - y * y
            let common = product[i] - x * y
            return sum + (2 * x * y + low) * (2 * common + high) / ((x * x + y * y + low) * (spread + high))
        }
        return sum / Double(meanX.count)
    }

    /// Weighted means of the windows that lie inside the plane.
    private static func blurred(_ plane: Plane) -> Plane {
        let (width, height) = (plane.width - window.count + 1, plane.height - window.count + 1)
        var across = [Double](repeating: 0, count: plane.height * width)
        for row in 0..<plane.height {
            for column in 0..<width {
                for (tap, weight) in window.enumerated() {
                    across[row * width + column] += weight * plane.values[row * plane.width + column + tap]
                }
            }
        }
        var down = [Double](repeating: 0, count: height * width)
        for row in 0..<height {
            for (tap, weight) in window.enumerated() {
                for column in 0..<width { down[row * width + column] += weight * across[(row + tap) * width + column] }
            }
        }
        return Plane(height: height, width: width, values: down)
    }

    private static func check(_ first: PixelBatch, _ second: PixelBatch) {
        precondition(
            first.count == second.count && first.height == second.height && first.width == second.width,
            "PairMeasures: \(first.count) images of \(first.height) x \(first.width) and \(second.count) of "
                + "\(second.height) x \(second.width)")
    }
}
