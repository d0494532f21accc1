import Foundation
import PixNerdTensors

/// How images are cropped to a square.
public enum CropMode: String, Sendable, CaseIterable {
    /// The centre crop of `admCenterCrop`.
    case center
    /// A square a little smaller than the image's shorter side, at a random position: random_crop_arr of
    /// guided-diffusion (ADM).
    case random
    /// A part of random area and aspect ratio, scaled to a square: torchvision's RandomResizedCrop.
    case resized
}

/// The cropping, scaling and flipping of images to squares of one size.
///
/// Scaling is identical to Pillow's, byte for byte. Random choices come from a stream that depends on the seed, the
/// epoch and the image's index in the collection, so that they do not depend on threads or batches.
public struct ImageTransform: Sendable, Equatable {
    /// How images are cropped.
    public var crop: CropMode
    /// Whether images are flipped horizontally with a probability of one half.
    public var flip: Bool
    /// For `.random`: the side of the square as a fraction of the scaled image's shorter side, above 0 and at most 1.
    public var randomFraction: ClosedRange<Double> = 0.8...1
    /// For `.resized`: the fraction of the image's area to take, above 0 and at most 1.
    public var resizedScale: ClosedRange<Double> = 0.08...1
    /// For `.resized`: the aspect ratio of the part, width divided by height.
    public var resizedRatio: ClosedRange<Double> = 3.0 / 4...4.0 / 3

    public init(crop: CropMode = .center, flip: Bool = false) {
        self.crop = crop
        self.flip = flip
    }

    /// The random numbers of one image in one epoch.
    static func stream(seed: UInt64, epoch: Int, index: Int) -> RandomStream {
        RandomStream(seed: seed, purpose: .augmentation, step: epoch, index: index)
    }

    /// Transforms an image.
    ///
    /// - Parameters:
    ///   - image: an image of any size.
    ///   - size: the side of the result in pixels, at least 1.
    ///   - seed: the seed of the run.
    ///   - epoch: the number of completed epochs.
    ///   - index: the image's index in the collection.
    public func callAsFunction(_ image: RGBImage, size: Int, seed: UInt64, epoch: Int, index: Int) -> RGBImage {
        precondition(size > 0, "ImageTransform: a side of \(size) pixels is not an image")
        let pixels = [UInt8](unsafeUninitializedCapacity: size * size * 3) { output, count in
            image.withView { view in
                let plan = CropPlan(
                    self, width: view.width, height: view.height, size: size,
                    random: Self.stream(seed: seed, epoch: epoch, index: index))
                plan.run(view, into: output.baseAddress!, scratch: CropScratch())
            }
            count = size * size * 3
        }
        return RGBImage(width: size, height: size, pixels: pixels)
    }

    /// The part of an image that torchvision's RandomResizedCrop takes: up to ten random areas and aspect ratios are
    /// tried until one fits, otherwise the largest allowed part in the middle.
    ///
    /// As in torchvision, area and aspect ratio are drawn in single precision and processed in double.
    func resizedPart(width: Int, height: Int, _ random: inout RandomStream) -> (columns: Range<Int>, rows: Range<Int>) {
        let scale = (Float(resizedScale.lowerBound), Float(resizedScale.upperBound))
        let logRatio = (logf(Float(resizedRatio.lowerBound)), logf(Float(resizedRatio.upperBound)))
        for _ in 0..<10 {
            let area = Double(width * height) * Double(random.nextUniform() * (scale.1 - scale.0) + scale.0)
            let ratio = Double(expf(random.nextUniform() * (logRatio.1 - logRatio.0) + logRatio.0))
            let columns = Int((area * ratio).squareRoot().rounded(.toNearestOrEven))
            let rows = Int((area / ratio).squareRoot().rounded(.toNearestOrEven))
            guard columns > 0, rows > 0, columns <= width, rows <= height else { continue }
            let top = random.nextInteger(below: height - rows + 1)
            let left = random.nextInteger(below: width - columns + 1)
            return (left..<left + columns, top..<top + rows)
        }
        let ratio = Double(width) / Double(height)
        var (columns, rows) = (width, height)
        if ratio < resizedRatio.lowerBound {
            rows = Int((Double(width) / resizedRatio.lowerBound).rounded(.toNearestOrEven))
        } else if ratio > resizedRatio.upperBound {
            columns = Int((Double(height) * resizedRatio.upperBound).rounded(.toNearestOrEven))
        }
        let (left, top) = ((width - columns) / 2, (height - rows) / 2)
        return (left..<left + columns, top..<top + rows)
    }
}
