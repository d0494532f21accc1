/// Each pixel of images [B, C, H, W] with the eight around it, [B, 9 C, H, W]: for each of the nine offsets, row by row
/// from above left, the C channels of the pixel there, or 0 beyond the image; without a gradient.
///
/// A field that reads them sees across the borders of its patch.
public func neighborhoods(_ image: Tensor) -> Tensor {
    precondition(image.shape.count == 4, "neighborhoods: \(image.shape) is not [B, C, H, W]")
    let (batch, channels, height, width) = (image.shape[0], image.shape[1], image.shape[2], image.shape[3])
    let out = Tensor(zeros: [batch, 9 * channels, height, width])
    parallelFor(batch * 9 * channels) { plane in
        let (picture, offset, channel) = (plane / (9 * channels), plane / channels % 9, plane % channels)
        let (down, across) = (offset / 3 - 1, offset % 3 - 1)
        let source = image.pointer + (picture * channels + channel) * height * width
        let target = out.storage.pointer + plane * height * width
        let (first, count) = (max(0, -across), width - abs(across))
        guard count > 0 else { return }
        for row in max(0, -down)..<max(max(0, -down), height - max(0, down)) {
            (target + row * width + first).update(from: source + (row + down) * width + first + across, count: count)
        }
    }
    return out
}
