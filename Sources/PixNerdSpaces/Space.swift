import PixNerdImages
import PixNerdTensors

/// The space in which diffusion happens: encodes images to the data that is diffused, and decodes them.
public protocol Space: Sendable {
    /// Channels of the data that is diffused.
    var channels: Int { get }
    /// Downsampling factor f: pixels along a side for each number that is diffused.
    var reduction: Int { get }
    /// Encodes images of one size to [B, C, H / f, W / f].
    ///
    /// - Parameter draws: returns the random stream of each image, for spaces that encode at random.
    func encode(_ batch: LoadedBatch, draws: (_ picture: Int) -> RandomStream) -> Tensor
    /// Encodes pixels to the middle of what they may be encoded to, [B, C, H / f, W / f].
    ///
    /// - Parameter pixels: [B, `format.channelCount`, H, W] with -1 and 1 at the ends of the format's range.
    func encodeMean(_ pixels: Tensor) -> Tensor
    /// The channels and values of decoded pixels.
    var format: PixelFormat { get }
    /// Decodes [B, C, h, w] to pixels, [B, `format.channelCount`, f h, f w] with -1 and 1 at the ends of the format's
    /// range (black and white for colours), not clipped.
    func decode(_ x: Tensor) -> Tensor
}

/// Pixel space, with the range of stored values, such as 0 ... 255, as -1 ... 1.
public struct PixelSpace: Space {
    public let format: PixelFormat
    public let reduction = 1

    public init(_ format: PixelFormat = .rgb8) { self.format = format }

    public var channels: Int { format.channelCount }

    public func encode(_ batch: LoadedBatch, draws: (_ picture: Int) -> RandomStream) -> Tensor { encode(batch) }

    public func encodeMean(_ pixels: Tensor) -> Tensor { pixels }

    /// Encodes images to [B, C, H, W], which takes no random numbers.
    public func encode(_ batch: LoadedBatch) -> Tensor {
        precondition(
            batch.pixels.format.channelCount == channels,
            "PixelSpace: images of \(batch.pixels.format) for \(format)")
        let size = batch.imageSize
        return switch batch.pixels {
        case .bytes(let bytes): encode(bytes, count: batch.count, height: size.height, width: size.width)
        case .values(let values, _): planes(values, [batch.count, channels, size.height, size.width]) { $0 }
        }
    }

    /// Encodes images as colours, [B, 3, H, W], for networks that take nothing else; grey is repeated.
    ///
    /// - Precondition: the images are grey or colours.
    public static func colors(of batch: LoadedBatch) -> Tensor {
        let images = PixelSpace(batch.pixels.format).encode(batch)
        guard images.shape[1] == 1 else { return images }
        let (count, area) = (images.shape[0], images.shape[2] * images.shape[3])
        var colors = Tensor(uninitialized: [count, 3, images.shape[2], images.shape[3]])
        colors.withUnsafeMutableBuffer { colors in
            images.withUnsafeBuffer { grey in
                for plane in 0..<3 * count {
                    for i in 0..<area { colors[plane * area + i] = grey[plane / 3 * area + i] }
                }
            }
        }
        return colors
    }

    /// Encodes images from 8-bit RGB, [count, height, width, 3], to [count, 3, height, width].
    public func encode(_ bytes: [UInt8], count: Int, height: Int, width: Int) -> Tensor {
        planes(bytes, [count, channels, height, width]) { Float($0) / 127.5 - 1 }
    }

    /// Converts interleaved values to planes of a shape [B, C, H, W].
    private func planes<Value>(_ values: [Value], _ shape: [Int], _ convert: (Value) -> Float) -> Tensor {
        let (pixels, channels) = (shape[2] * shape[3], shape[1])
        precondition(
            values.count == shape.reduce(1, *), "PixelSpace: \(values.count) values for images of shape \(shape)")
        var x = Tensor(uninitialized: shape)
        x.withUnsafeMutableBuffer { x in
            values.withUnsafeBufferPointer { values in
                for picture in 0..<shape[0] {
                    for channel in 0..<channels {
                        let target = (picture * channels + channel) * pixels
                        let source = picture * pixels * channels + channel
                        for i in 0..<pixels { x[target + i] = convert(values[source + i * channels]) }
                    }
                }
            }
        }
        return x
    }

    public func decode(_ x: Tensor) -> Tensor { x }
}

/// 8-bit images of pixels, rounded as the published code and the ADM evaluation do: clip(127.5 x + 128).
///
/// - Parameter pixels: [B, 3, H, W] with -1 as black and 1 as white; values outside are clipped.
public func roundedPictures(_ pixels: Tensor) -> [RGBImage] {
    precondition(
        pixels.shape.count == 4 && pixels.shape[1] == 3,
        "roundedPictures: \(pixels.shape) are not images of three channels")
    let (height, width) = (pixels.shape[2], pixels.shape[3])
    let area = height * width
    return pixels.withUnsafeBuffer { x in
        (0..<pixels.shape[0]).map { picture in
            let bytes = [UInt8](unsafeUninitializedCapacity: area * 3) { bytes, count in
                for channel in 0..<3 {
                    let source = (picture * 3 + channel) * area
                    for i in 0..<area {
                        let level = (x[source + i] + 1) * 127.5 + 0.5
                        // A level of NaN also becomes 0.
                        bytes[i * 3 + channel] = level > 0 ? UInt8(min(level, 255)) : 0
                    }
                }
                count = area * 3
            }
            return RGBImage(width: width, height: height, pixels: bytes)
        }
    }
}

/// Images of pixels as they are shown: colours rounded as in `roundedPictures`, grey repeated, of other channels the first
/// three, or the first alone.
///
/// - Parameter pixels: [B, C, H, W] of a format, with -1 and 1 at the ends of its range; values outside are clipped.
public func shownPictures(_ pixels: Tensor, _ format: PixelFormat) -> [RGBImage] {
    guard format != .rgb8 else { return roundedPictures(pixels) }
    return eachPicture(pixels, format) { format.shown(width: $0, height: $1, value: $2) }
}

/// Images of pixels as a file stores them, with all channels: rounded and clipped for integers, as they are for floats.
///
/// - Parameter pixels: [B, C, H, W] of a format, with -1 and 1 at the ends of its range.
public func storedPictures(_ pixels: Tensor, _ format: PixelFormat) -> [Raster] {
    eachPicture(pixels, format) { format.raster(width: $0, height: $1, value: $2) }
}

private func eachPicture<Picture>(
    _ pixels: Tensor, _ format: PixelFormat,
    _ make: (_ width: Int, _ height: Int, _ value: (_ channel: Int, _ place: Int) -> Float) -> Picture
) -> [Picture] {
    precondition(
        pixels.shape.count == 4 && pixels.shape[1] == format.channelCount, "\(pixels.shape) are not images of \(format)"
    )
    let (height, width) = (pixels.shape[2], pixels.shape[3])
    let (area, channels) = (height * width, format.channelCount)
    return pixels.withUnsafeBuffer { x in
        (0..<pixels.shape[0]).map { picture in
            make(width, height) { channel, place in x[(picture * channels + channel) * area + place] }
        }
    }
}
