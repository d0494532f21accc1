import PixNerdDiffusion
import PixNerdTensors

/// A picture that sampling begins with, and the part of it that is painted anew.
public struct PictureEdit: Sendable {
    /// The picture at the size of the finished images, [1, C, H, W], with -1 and 1 at the ends of the format's range.
    package let picture: Tensor
    /// How much of each pixel is painted, [H, W] row by row, from 0, where the pixel stays as it is, to 1; nil for all of the
    /// picture.
    package let mask: [Float]?
    /// How often each step is taken again from fresh noise, so that what is painted fits what stays.
    let repetitions: Int

    /// - Precondition: the mask has a number for each pixel.
    public init(_ picture: Tensor, mask: [Float]? = nil, repetitions: Int = 0) {
        precondition(
            picture.shape.count == 4 && picture.shape[0] == 1
                && mask.map { $0.count == picture.shape[2] * picture.shape[3] } ?? true,
            "PictureEdit: \(mask?.count ?? 0) numbers for a picture of shape \(picture.shape)")
        (self.picture, self.mask, self.repetitions) = (picture, mask, repetitions)
    }

    /// What a sampler knows of the images of a batch, by the number of images.
    func known(in space: some Space, _ size: PictureSize) -> (Int) -> KnownData {
        let data = space.encodeMean(size.padded(picture))
        let painted = mask.map { mask in
            let canvas = size.padded(Tensor(mask, shape: [1, 1, size.height, size.width]))
            return largest(of: canvas, side: space.reduction)
        }
        return { KnownData(repeated(data, $0), painted: painted, repetitions: repetitions) }
    }

    /// The finished images, in which the pixels that stay are those of the picture, to the bit.
    ///
    /// - Parameters:
    ///   - pixels: sampled images, [B, C, H, W]; nil for the picture itself.
    ///   - count: number of images B.
    func finished(_ pixels: Tensor?, count: Int, in space: some Space) -> Tensor {
        let pictures = repeated(picture, count)
        guard let pixels else { return pictures }
        guard let mask else { return pixels }
        // Pixels that were sampled themselves have no seam to what stays.
        let fitted = space.reduction == 1 ? pixels : withoutSeam(pixels, pictures, mask, width: space.reduction)
        return mixed(mask, fitted, pictures)
    }
}

private func repeated(_ one: Tensor, _ count: Int) -> Tensor {
    count == 1 ? one : Tensor.concatenated([Tensor](repeating: one, count: count))
}

/// The largest number in each square of pixels.
///
/// - Parameters:
///   - plane: [1, 1, H, W].
///   - side: side of a square, which divides H and W.
/// - Returns: [H / side, W / side] row by row.
private func largest(of plane: Tensor, side: Int) -> [Float] {
    let (height, width) = (plane.shape[2], plane.shape[3])
    var result = [Float](repeating: -.infinity, count: (height / side) * (width / side))
    plane.withUnsafeBuffer { plane in
        for y in 0..<height {
            for x in 0..<width {
                let place = y / side * (width / side) + x / side
                result[place] = max(result[place], plane[y * width + x])
            }
        }
    }
    return result
}
