import PixNerdTensors

/// The size of pictures that are sampled, and the canvas that they are cut from where their sides do not divide.
public struct PictureSize: Sendable, Equatable {
    /// Sides of the finished picture in pixels.
    public let height: Int
    public let width: Int
    /// Sides of what is sampled, at least those of the picture.
    public let canvasHeight: Int
    public let canvasWidth: Int

    /// - Parameter multiple: what sides of the canvas are multiples of, such as the side of a patch.
    public init(height: Int, width: Int, multiple: Int = 1) {
        precondition(
            height > 0 && width > 0 && multiple > 0, "PictureSize: \(height) x \(width) in multiples of \(multiple)")
        self.height = height
        self.width = width
        canvasHeight = (height + multiple - 1) / multiple * multiple
        canvasWidth = (width + multiple - 1) / multiple * multiple
    }

    /// Whether the picture is smaller than what is sampled.
    public var isCropped: Bool { (height, width) != (canvasHeight, canvasWidth) }

    /// The shape of what is sampled for one picture, [C, h, w].
    public func noiseShape(in space: some Space) -> [Int] {
        precondition(
            canvasHeight % space.reduction == 0 && canvasWidth % space.reduction == 0,
            "PictureSize: \(space.reduction) does not divide a canvas of \(canvasHeight) x \(canvasWidth)")
        return [space.channels, canvasHeight / space.reduction, canvasWidth / space.reduction]
    }

    /// The middle of canvases.
    ///
    /// - Parameter canvases: [B, C, canvasHeight, canvasWidth].
    /// - Returns: [B, C, height, width].
    public func cropped(_ canvases: Tensor) -> Tensor {
        precondition(
            canvases.shape.count == 4 && canvases.shape[2...].elementsEqual([canvasHeight, canvasWidth]),
            "PictureSize: \(canvases.shape) is not a canvas of \(canvasHeight) x \(canvasWidth)")
        guard isCropped else { return canvases }
        let (top, left) = ((canvasHeight - height) / 2, (canvasWidth - width) / 2)
        let planes = canvases.shape[0] * canvases.shape[1]
        var pictures = Tensor(uninitialized: [canvases.shape[0], canvases.shape[1], height, width])
        pictures.withUnsafeMutableBuffer { output in
            canvases.withUnsafeBuffer { input in
                for row in 0..<planes * height {
                    let from = ((row / height) * canvasHeight + top + row % height) * canvasWidth + left
                    (output.baseAddress! + row * width).update(from: input.baseAddress! + from, count: width)
                }
            }
        }
        return pictures
    }
}

/// What is wrong with a side of a picture, and the nearest one that works; nil where nothing is.
public func sizeProblem(_ size: Int, multiple: Int) -> String? {
    guard size <= 0 || size % multiple != 0 else { return nil }
    let below = max(0, size) / multiple * multiple
    let isNearerAbove = below == 0 || size - below >= multiple - multiple / 2
    let nearest = isNearerAbove && below <= Int.max - multiple ? below + multiple : below
    return "is \(size), which patches of \(multiple) x \(multiple) do not divide; the nearest that works is \(nearest)"
}
