import PixNerdSupport
import PixNerdTensors

/// An image in the channels and values of a format.
public struct ValueImage: Sendable {
    /// Columns, at least 1.
    public let width: Int
    /// Rows, at least 1.
    public let height: Int
    public let format: PixelFormat
    /// Values, interleaved and row by row, with -1 and 1 at the ends of the format's range.
    public let values: [Float]

    init(width: Int, height: Int, format: PixelFormat, values: [Float]) {
        (self.width, self.height, self.format, self.values) = (width, height, format, values)
    }

    /// An image as its file stores it, in a format's channels.
    ///
    /// - Parameter name: the image in errors.
    /// - Throws: `PixNerdError` if the channels do not fit the format, or a value is not finite.
    public init(_ stored: Raster, format: PixelFormat, name: String) throws {
        let count = stored.width * stored.height * format.channelCount
        let values = try [Float](unsafeUninitializedCapacity: count) { buffer, filled in
            if let base = buffer.baseAddress { try stored.writeValues(format, into: base, name: name) }
            for index in 0..<count { buffer[index] = 2 * buffer[index] - 1 }
            filled = count
        }
        self.init(width: stored.width, height: stored.height, format: format, values: values)
    }

    /// The centre crop, scaled as `admCenterCrop` does it.
    ///
    /// - Parameter size: the size of the result.
    public func centerCropped(size: ImageSize) -> ValueImage {
        let plan = CropPlan(
            ImageTransform(), width: width, height: height, size: size,
            random: ImageTransform.stream(seed: 0, epoch: 0, index: 0))
        let count = size.area * format.channelCount
        let cropped = [Float](unsafeUninitializedCapacity: count) { buffer, filled in
            values.withUnsafeBufferPointer { values in
                plan.run(
                    PixelView(values.baseAddress!, width: width, height: height, channels: format.channelCount),
                    into: buffer.baseAddress!, scratch: CropScratch())
            }
            filled = count
        }
        return ValueImage(width: size.width, height: size.height, format: format, values: cropped)
    }

    /// The image as it is shown (see `PixelFormat.shown`).
    public var shown: RGBImage {
        format.shown(width: width, height: height) { values[$1 * format.channelCount + $0] }
    }
}
