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
    /// Decodes [B, C, h, w] to pixels, [B, 3, f h, f w] with -1 as black and 1 as white, not clipped.
    func decode(_ x: Tensor) -> Tensor
}

/// Pixel space, with 0 ... 255 as -1 ... 1.
public struct PixelSpace: Space {
    public let channels = 3
    public let reduction = 1

    public init() {}

    public func encode(_ batch: LoadedBatch, draws: (_ picture: Int) -> RandomStream) -> Tensor { encode(batch) }

    /// Encodes images to [B, 3, H, W], which takes no random numbers.
    public func encode(_ batch: LoadedBatch) -> Tensor {
        encode(batch.pixels, count: batch.count, height: batch.imageSize, width: batch.imageSize)
    }

    /// Encodes images from 8-bit RGB, [count, height, width, 3], to [count, 3, height, width].
    public func encode(_ bytes: [UInt8], count: Int, height: Int, width: Int) -> Tensor {
        let pixels = height * width
        precondition(
            bytes.count == count * pixels * channels,
            "PixelSpace: \(bytes.count) bytes for \(count) images of \(height) x \(width)")
        var x = Tensor(uninitialized: [count, channels, height, width])
        x.withUnsafeMutableBuffer { x in
            bytes.withUnsafeBufferPointer { bytes in
                for picture in 0..<count {
                    for channel in 0..<channels {
                        let target = (picture * channels + channel) * pixels
                        let source = picture * pixels * channels + channel
                        for i in 0..<pixels { x[target + i] = Float(bytes[source + i * channels]) / 127.5 - 1 }
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
