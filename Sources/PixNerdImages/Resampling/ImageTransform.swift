import Foundation
import PixNerdTensors

/// Which square of a picture is taken.
public enum CropMode: String, Sendable, CaseIterable {
    /// The middle, as `admCenterCrop` cuts it.
    case center
    /// A square that is a little smaller than the picture's shorter side, anywhere in the picture: what
    /// guided-diffusion (ADM) calls random_crop_arr.
    case random
    /// A part of the picture of random area and shape, scaled to a square: torchvision's RandomResizedCrop.
    case resized
}

/// How pictures become squares of one size.
///
/// All scaling is done with Pillow's filters, byte for byte. What is random is drawn from a stream that depends on the
/// seed, the epoch and the picture's place in the collection, so that neither threads nor batches change it.
public struct ImageTransform: Sendable, Equatable {
    /// Which square is taken.
    public var crop: CropMode
    /// Whether every second picture, at random, has left and right changed.
    public var flip: Bool
    /// For `.random`: how large a part of the scaled picture's shorter side the square is, above 0 and at most 1.
    public var randomFraction: ClosedRange<Double> = 0.8...1
    /// For `.resized`: how large a part of the picture's area is taken, above 0 and at most 1.
    public var resizedScale: ClosedRange<Double> = 0.08...1
    /// For `.resized`: width over height of the part.
    public var resizedRatio: ClosedRange<Double> = 3.0 / 4...4.0 / 3

    public init(crop: CropMode = .center, flip: Bool = false) {
        self.crop = crop
        self.flip = flip
    }

    /// The random numbers of one picture in one epoch.
    static func stream(seed: UInt64, epoch: Int, index: Int) -> RandomStream {
        RandomStream(seed: seed, purpose: .augmentation, step: epoch, index: index)
    }

    /// Transforms a picture.
    ///
    /// - Parameters:
    ///   - image: a picture of any size.
    ///   - size: the side of the result in pixels, at least 1.
    ///   - seed: the run's seed.
    ///   - epoch: how often the collection was gone through before.
    ///   - index: the picture's place in the collection.
    public func callAsFunction(_ image: RGBImage, size: Int, seed: UInt64, epoch: Int, index: Int) -> RGBImage {
        precondition(size > 0, "ImageTransform: a side of \(size) pixels is not a picture")
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

    /// The part of a picture that torchvision's RandomResizedCrop takes: up to ten tries at an area and a shape that
    /// fit, and the largest allowed part in the middle when none does.
    ///
    /// torchvision draws area and shape in single precision and goes on in double; so does this.
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
