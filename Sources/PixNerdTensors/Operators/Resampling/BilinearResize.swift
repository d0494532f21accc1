/// Images resized by bilinear interpolation, as `torch.nn.functional.interpolate(mode="bilinear", align_corners=False)`
/// without antialiasing; without a gradient.
///
/// - Parameter image: [B, C, H, W].
/// - Returns: [B, C, height, width].
public func resizedBilinear(_ image: Tensor, height: Int, width: Int) -> Tensor {
    precondition(image.shape.count == 4, "resizedBilinear: \(image.shape) is not [B, C, H, W]")
    return resized(
        image.reshaped([image.shape[0] * image.shape[1], image.shape[2], image.shape[3], 1]),
        rows: bilinearTaps(from: image.shape[2], to: height), columns: bilinearTaps(from: image.shape[3], to: width)
    ).reshaped([image.shape[0], image.shape[1], height, width])
}

private func bilinearTaps(from length: Int, to newLength: Int) -> AxisTaps {
    AxisTaps(length: length, newLength: newLength) { place in
        let center = max((Double(place) + 0.5) * Double(length) / Double(newLength) - 0.5, 0)
        let first = min(Int(center), length - 1)
        let share = center - Double(first)
        return [(first, 1 - share), (min(first + 1, length - 1), share)]
    }
}
