import Foundation
import PixNerdDiffusion
import PixNerdTensors

/// Decoded images whose painted part takes on, towards its edge, how the part that stays differs from the picture: a decoder
/// shifts tones and blurs, which would show as an edge.
///
/// - Parameters:
///   - pixels: decoded images, [B, C, H, W].
///   - pictures: the pictures, [B, C, H, W].
///   - mask: how much of each pixel is painted, [H, W] row by row.
///   - width: about how many pixels the change reaches into the painted part.
func withoutSeam(_ pixels: Tensor, _ pictures: Tensor, _ mask: [Float], width: Int) -> Tensor {
    let area = mask.count
    let planes = pixels.count / area
    let (height, columns) = (pixels.shape[2], pixels.shape[3])
    let stays = Tensor(mask.map { $0 == 0 ? 1 : 0 }, shape: [1, 1, height, columns])
    let difference = Tensor.combination(1, pictures, -1, pixels)
    let kept = mixed(mask.map { $0 == 0 ? 1 : 0 }, difference, Tensor(zeros: pixels.shape))
    let weight = blurred(stays, deviation: Float(width) / 2)
    // Less than 1 at the edges of the picture, beyond which nothing is.
    let whole = blurred(Tensor(mask.map { _ in 1 }, shape: stays.shape), deviation: Float(width) / 2).values
    let carried = blurred(kept.reshaped([planes, 1, height, columns]), deviation: Float(width) / 2)
    var result = Tensor(uninitialized: pixels.shape)
    result.withUnsafeMutableBuffer { result in
        pixels.withUnsafeBuffer { pixels in
            carried.withUnsafeBuffer { carried in
                weight.withUnsafeBuffer { weight in
                    for i in 0..<result.count {
                        let near = weight[i % area]
                        // At a straight edge half of what is near stays, and there the whole difference is taken.
                        let share = min(1, 2 * near / whole[i % area])
                        result[i] = pixels[i] + (near > 1e-6 ? carried[i] / near * share : 0)
                    }
                }
            }
        }
    }
    return result
}

/// Planes blurred by a Gaussian, with zeros around them.
///
/// - Parameters:
///   - planes: [N, 1, H, W].
///   - deviation: standard deviation in pixels.
private func blurred(_ planes: Tensor, deviation: Float) -> Tensor {
    let reach = Int((3 * deviation).rounded(.up))
    let weights = (-reach...reach).map { exp(-Float($0 * $0) / (2 * deviation * deviation)) }
    let sum = weights.reduce(0, +)
    let kernel = weights.map { $0 / sum }
    let across = convolution(
        planes, weight: Tensor(kernel, shape: [1, 1, 1, kernel.count]),
        padding: ConvolutionPadding(vertical: 0, horizontal: reach))
    return convolution(
        across, weight: Tensor(kernel, shape: [1, 1, kernel.count, 1]),
        padding: ConvolutionPadding(vertical: reach, horizontal: 0))
}
