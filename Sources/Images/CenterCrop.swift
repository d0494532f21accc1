/// The square in the middle of a picture, scaled to `size` pixels, as OpenAI's guided-diffusion (ADM) makes it.
///
/// While the shorter side is at least twice `size` the picture is halved by averaging; then it is scaled with the
/// bicubic filter so that the shorter side has `size` pixels, and the middle is cut out. Equal byte for byte to that
/// procedure done with Pillow (3 to 12, see `resized`), and so to the data that published pixel and latent models were
/// trained on. Pictures that are smaller than `size` are enlarged.
///
/// - Parameters:
///   - image: a picture of any size.
///   - size: the side of the result in pixels, at least 1.
public func admCenterCrop(_ image: RGBImage, size: Int) -> RGBImage {
    precondition(size > 0, "admCenterCrop: a side of \(size) pixels is not a picture")
    if image.width == size && image.height == size { return image }
    var halved = image
    while min(halved.width, halved.height) >= 2 * size {
        halved = resized(halved, width: halved.width / 2, height: halved.height / 2, filter: .box)
    }
    let scale = Double(size) / Double(min(halved.width, halved.height))
    // Python's round(), as in the original: halves go to the even neighbour.
    let width = Int((Double(halved.width) * scale).rounded(.toNearestOrEven))
    let height = Int((Double(halved.height) * scale).rounded(.toNearestOrEven))
    let left = (width - size) / 2
    let top = (height - size) / 2
    return resized(
        halved, width: width, height: height, filter: .bicubic, columns: left..<left + size, rows: top..<top + size)
}
