import Images
import Tensors

/// Where diffusion happens: turns pictures into what is diffused, and back.
public protocol Space: Sendable {
    /// Channels of what is diffused.
    var channels: Int { get }
    /// Pictures of one size to [B, C, H, W].
    func encode(_ batch: LoadedBatch) -> Tensor
    /// [B, C, H, W] to pictures.
    func decode(_ x: Tensor) -> [RGBImage]
}

/// Pixels themselves, with 0 ... 255 as -1 ... 1.
public struct PixelSpace: Space {
    public let channels = 3

    public init() {}

    public func encode(_ batch: LoadedBatch) -> Tensor {
        let pixels = batch.imageSize * batch.imageSize
        var x = Tensor(uninitialized: [batch.count, channels, batch.imageSize, batch.imageSize])
        x.withUnsafeMutableBuffer { x in
            batch.pixels.withUnsafeBufferPointer { bytes in
                for picture in 0..<batch.count {
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

    /// Rounds as the published code does: clip((x + 1) 127.5 + 0.5).
    public func decode(_ x: Tensor) -> [RGBImage] {
        precondition(
            x.shape.count == 4 && x.shape[1] == channels, "PixelSpace: \(x.shape) are not pictures of three channels")
        let (height, width) = (x.shape[2], x.shape[3])
        let pixels = height * width
        return x.withUnsafeBuffer { x in
            (0..<x.count / (channels * pixels)).map { picture in
                var bytes = [UInt8](repeating: 0, count: pixels * channels)
                for channel in 0..<channels {
                    let source = (picture * channels + channel) * pixels
                    for i in 0..<pixels {
                        let level = (x[source + i] + 1) * 127.5 + 0.5
                        // Also 0 where the level is not a number.
                        bytes[i * channels + channel] = level > 0 ? UInt8(min(level, 255)) : 0
                    }
                }
                return RGBImage(width: width, height: height, pixels: bytes)
            }
        }
    }
}
