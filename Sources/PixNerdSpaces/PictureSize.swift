import PixNerdSupport
import PixNerdTensors

/// The size of sampled images, and of the canvas that they are cropped from if it is not a multiple of the patch size.
public struct PictureSize: Sendable, Equatable {
    /// Height of the finished image in pixels.
    public let height: Int
    /// Width of the finished image in pixels.
    public let width: Int
    /// Height in pixels of the canvas that is sampled; at least `height`.
    public let canvasHeight: Int
    /// Width in pixels of the canvas that is sampled; at least `width`.
    public let canvasWidth: Int

    /// - Parameters:
    ///   - height: height of the finished image in pixels.
    ///   - width: width of the finished image in pixels.
    ///   - multiple: numbers of which the sides of the canvas are multiples, such as the patch size.
    public init(height: Int, width: Int, multiple: ImageSize = 1) {
        precondition(
            height > 0 && width > 0 && multiple.shorterSide > 0,
            "PictureSize: \(height) x \(width) in multiples of \(multiple)")
        self.height = height
        self.width = width
        canvasHeight = (height + multiple.height - 1) / multiple.height * multiple.height
        canvasWidth = (width + multiple.width - 1) / multiple.width * multiple.width
    }

    /// Whether the image is smaller than the canvas.
    public var isCropped: Bool { (height, width) != (canvasHeight, canvasWidth) }

    /// The shape of the noise of one image, [C, h, w].
    public func noiseShape(in space: some Space) -> [Int] {
        precondition(
            canvasHeight % space.reduction == 0 && canvasWidth % space.reduction == 0,
            "PictureSize: a canvas of \(canvasHeight) x \(canvasWidth) is not a multiple of \(space.reduction)")
        return [space.channels, canvasHeight / space.reduction, canvasWidth / space.reduction]
    }

    /// The central crop of canvases.
    ///
    /// - Parameter canvases: [B, C, canvasHeight, canvasWidth].
    /// - Returns: [B, C, height, width].
    public func cropped(_ canvases: Tensor) -> Tensor {
        precondition(
            canvases.shape.count == 4 && canvases.shape[2...].elementsEqual([canvasHeight, canvasWidth]),
            "PictureSize: \(canvases.shape) is not a canvas of \(canvasHeight) x \(canvasWidth)")
        guard isCropped else { return canvases }
        return moved(canvases, to: (height, width), by: (top, left))
    }

    /// Canvases with images in the middle, and the pixels at their edges repeated around them.
    ///
    /// - Parameter pictures: [B, C, height, width].
    /// - Returns: [B, C, canvasHeight, canvasWidth].
    public func padded(_ pictures: Tensor) -> Tensor {
        precondition(
            pictures.shape.count == 4 && pictures.shape[2...].elementsEqual([height, width]),
            "PictureSize: \(pictures.shape) are not images of \(height) x \(width)")
        guard isCropped else { return pictures }
        return moved(pictures, to: (canvasHeight, canvasWidth), by: (-top, -left))
    }

    private var top: Int { (canvasHeight - height) / 2 }
    private var left: Int { (canvasWidth - width) / 2 }

    /// Images of another size, whose pixel (y, x) is that at (y + top, x + left), or the nearest that there is.
    private func moved(_ images: Tensor, to size: (height: Int, width: Int), by start: (top: Int, left: Int)) -> Tensor
    {
        let (height, width) = (images.shape[2], images.shape[3])
        let planes = images.shape[0] * images.shape[1]
        var result = Tensor(uninitialized: [images.shape[0], images.shape[1], size.height, size.width])
        result.withUnsafeMutableBuffer { output in
            images.withUnsafeBuffer { input in
                for row in 0..<planes * size.height {
                    let from = min(max(row % size.height + start.top, 0), height - 1)
                    let source = (row / size.height * height + from) * width
                    for x in 0..<size.width {
                        output[row * size.width + x] = input[source + min(max(x + start.left, 0), width - 1)]
                    }
                }
            }
        }
        return result
    }
}

/// Why an image cannot have a size, as a clause, with the nearest valid side; nil if it can.
public func sizeProblem(_ size: ImageSize, multiple: ImageSize) -> String? {
    if size.isSquare, multiple.isSquare { return sizeProblem(size.height, multiple: multiple.height) }
    let sides = [("height", size.height, multiple.height), ("width", size.width, multiple.width)]
    return sides.lazy.compactMap { name, side, multiple in
        sizeProblem(side, multiple: multiple).map { "is \(size.text), whose \(name) \($0)" }
    }.first
}

/// Why an image cannot have a side, continuing a sentence about the side, with the nearest valid one; nil if it can.
public func sizeProblem(_ size: Int, multiple: Int) -> String? {
    guard size <= 0 || size % multiple != 0 else { return nil }
    let below = max(0, size) / multiple * multiple
    let isNearerAbove = below == 0 || size - below >= multiple - multiple / 2
    let nearest = isNearerAbove && below <= Int.max - multiple ? below + multiple : below
    return "is \(size), which cannot be divided into patches of \(multiple) x \(multiple); the nearest size "
        + "that can be is \(nearest)"
}
