/// Images [B, C, H, W] reduced to [B, C, height, width] by averaging the area of each new pixel; without a gradient.
///
/// Pixels at the border of an area count by the part that lies in it. An axis that would grow is repeated as in
/// `resizedToNearest`.
public func averagedByArea(_ image: Tensor, height: Int, width: Int) -> Tensor {
    precondition(image.shape.count == 4, "averagedByArea: \(image.shape) is not [B, C, H, W]")
    let (rows, columns) = (image.shape[2], image.shape[3])
    guard height < rows || width < columns else { return resizedToNearest(image, height: height, width: width) }
    return resized(
        image.reshaped([image.shape[0] * image.shape[1], rows, columns, 1]),
        rows: areaTaps(from: rows, to: height), columns: areaTaps(from: columns, to: width)
    ).reshaped([image.shape[0], image.shape[1], height, width])
}

/// Standard deviation that independent noise of standard deviation 1 has after `averagedByArea`: 1 / r for r x r pixels
/// that become one; the root of the mean square over the pixels where these differ.
public func noiseAveragedByArea(from size: (height: Int, width: Int), to new: (height: Int, width: Int)) -> Float {
    let rows = areaTaps(from: size.height, to: new.height).meanSquare
    let columns = areaTaps(from: size.width, to: new.width).meanSquare
    return Float((rows * columns).squareRoot())
}

private func areaTaps(from length: Int, to newLength: Int) -> AxisTaps {
    AxisTaps(length: length, newLength: newLength) { place in
        guard newLength < length else { return [(place * length / newLength, 1)] }
        // In units of 1 / newLength pixels, so that the parts are whole numbers.
        let (start, end) = (place * length, (place + 1) * length)
        return (start / newLength...(end - 1) / newLength).map { source in
            let part = min(end, (source + 1) * newLength) - max(start, source * newLength)
            return (source, Double(part) / Double(length))
        }
    }
}
