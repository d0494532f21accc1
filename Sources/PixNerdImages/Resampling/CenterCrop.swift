/// The square in the middle of a picture, scaled to `size` pixels, as OpenAI's guided-diffusion (ADM) makes it.
///
/// While the shorter side is at least twice `size` the picture is halved by averaging; then it is scaled with the
/// bicubic filter so that the shorter side has `size` pixels, and the middle is cut out. Equal byte for byte to that
/// procedure done with Pillow 13 (see `resized`). Pictures that are smaller than `size` are enlarged.
///
/// - Parameters:
///   - image: a picture of any size.
///   - size: the side of the result in pixels, at least 1.
public func admCenterCrop(_ image: RGBImage, size: Int) -> RGBImage {
    precondition(size > 0, "admCenterCrop: a side of \(size) pixels is not a picture")
    if image.width == size && image.height == size { return image }
    return ImageTransform()(image, size: size, seed: 0, epoch: 0, index: 0)
}
