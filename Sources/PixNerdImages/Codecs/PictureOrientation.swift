/// How a stored image is to be turned or mirrored to be shown: the values of EXIF's orientation.
public enum PictureOrientation: Int, Sendable, CaseIterable {
    case asStored = 1
    case mirrored = 2
    case upsideDown = 3
    case flipped = 4
    case transposed = 5
    case turnedRight = 6
    case transverse = 7
    case turnedLeft = 8

    /// Whether the shown image has the stored one's rows as columns.
    var swapsSides: Bool { rawValue >= 5 }

    /// Columns and rows of the shown image.
    func shown(width: Int, height: Int) -> (width: Int, height: Int) {
        swapsSides ? (height, width) : (width, height)
    }

    /// Writes the image as it is to be shown.
    ///
    /// - Parameters:
    ///   - stored: the pixels, row by row without padding.
    ///   - width: columns of the stored image.
    ///   - height: rows of the stored image.
    ///   - pixelSize: bytes of a pixel.
    ///   - output: memory for as many bytes, apart from `stored`.
    func turn(
        _ stored: UnsafeRawPointer, width: Int, height: Int, pixelSize: Int, into output: UnsafeMutableRawPointer
    ) {
        // The stored pixel at the shown image's upper left corner, and the steps from it along a row and a column.
        let (right, bottom) = (width - 1, (height - 1) * width)
        let (start, across, down) =
            switch self {
            case .asStored: (0, 1, width)
            case .mirrored: (right, -1, width)
            case .upsideDown: (bottom + right, -1, -width)
            case .flipped: (bottom, 1, -width)
            case .transposed: (0, width, 1)
            case .turnedRight: (bottom, -width, 1)
            case .transverse: (bottom + right, -width, -1)
            case .turnedLeft: (right, width, -1)
            }
        let size = shown(width: width, height: height)
        var target = output
        for row in 0..<size.height {
            for column in 0..<size.width {
                target.copyMemory(
                    from: stored + (start + column * across + row * down) * pixelSize, byteCount: pixelSize)
                target += pixelSize
            }
        }
    }
}

/// What is done about an orientation that EXIF gives.
public enum EXIFHandling: String, Sendable, CaseIterable {
    /// Images are turned as they are to be shown.
    case apply
    /// Images are read as they are stored, as torchvision's ImageFolder does.
    case ignore
}
