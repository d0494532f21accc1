import PixNerdSupport

/// The centre crop of an image, scaled to `size` pixels as in OpenAI's guided-diffusion (ADM).
///
/// While the shorter side is at least twice `size`, the image is halved by averaging. Then it is scaled with the
/// bicubic filter so that the shorter side has `size` pixels, and the middle is cut out. The result is identical, byte
/// for byte, to that of the same procedure with Pillow 13 (see `resized`). Images smaller than `size` are enlarged.
///
/// - Parameters:
///   - image: an image of any size.
///   - size: the size of the result. For one that is not square, the image is scaled until it just covers it.
public func admCenterCrop(_ image: RGBImage, size: ImageSize) -> RGBImage {
    precondition(size.shorterSide > 0, "admCenterCrop: \(size) pixels are not an image")
    if image.width == size.width && image.height == size.height { return image }
    return ImageTransform()(image, size: size, seed: 0, epoch: 0, index: 0)
}
