import Foundation
import PixNerdSupport
import PixNerdTensors

/// How images are cropped to a size.
public enum CropMode: String, Sendable, CaseIterable {
    /// The centre crop of `admCenterCrop`.
    case center
    /// A part a little smaller than the largest of its shape, at a random position: random_crop_arr of guided-diffusion
    /// (ADM).
    case random
    /// A part of random area and aspect ratio, scaled to the size: torchvision's RandomResizedCrop.
    case resized
    /// The whole image, with the rest of the size padded; the loss leaves padding out.
    case whole = "none"

    /// Whether the result may have pixels that are not the image's.
    public var padsImages: Bool { self == .whole }
}

/// The cropping, scaling and flipping of images to one size.
///
/// Scaling is identical to Pillow's, byte for byte. Random choices come from a stream that depends on the seed, the
/// epoch and the image's index in the collection, so that they do not depend on threads or batches.
public struct ImageTransform: Sendable, Equatable {
    /// How images are cropped.
    public var crop: CropMode
    /// Whether images are flipped horizontally with a probability of one half.
    public var flip: Bool
    /// For `.random`: the sides of the part as a fraction of the largest part of its shape, above 0 and at most 1.
    public var randomFraction: ClosedRange<Double> = 0.8...1
    /// For `.resized`: the fraction of the image's area to take, above 0 and at most 1.
    public var resizedScale: ClosedRange<Double> = 0.08...1
    /// For `.resized`: the aspect ratio of the part over that of the result, width divided by height.
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
    ///   - size: the size of the result.
    ///   - seed: the seed of the run.
    ///   - epoch: the number of completed epochs.
    ///   - index: the image's index in the collection.
    public func callAsFunction(_ image: RGBImage, size: ImageSize, seed: UInt64, epoch: Int, index: Int) -> RGBImage {
        precondition(size.shorterSide > 0, "ImageTransform: \(size) pixels are not an image")
        let pixels = [UInt8](unsafeUninitializedCapacity: size.area * 3) { output, count in
            image.withView { view in
                let plan = CropPlan(
                    self, width: view.width, height: view.height, size: size,
                    random: Self.stream(seed: seed, epoch: epoch, index: index))
                plan.run(view, into: output.baseAddress!, scratch: CropScratch())
            }
            count = size.area * 3
        }
        return RGBImage(width: size.width, height: size.height, pixels: pixels)
    }

    /// The part of an image that torchvision's RandomResizedCrop takes: up to ten random areas and aspect ratios are
    /// tried until one fits, otherwise the largest allowed part in the middle.
    ///
    /// As in torchvision, area and aspect ratio are drawn in single precision and processed in double. Unlike there, the
    /// ratio is relative to that of the result, so that images are never distorted more than squares are.
    func resizedPart(
        width: Int, height: Int, of size: ImageSize, _ random: inout RandomStream
    ) -> (columns: Range<Int>, rows: Range<Int>) {
        let resizedRatio = resizedRatio.lowerBound * size.ratio...resizedRatio.upperBound * size.ratio
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
