import PixNerdImages
import PixNerdTensors

/// Images of one size to measure: 8-bit RGB, [count, height, width, 3].
public struct PixelBatch: Sendable {
    public let count: Int
    public let height: Int
    public let width: Int
    public let pixels: [UInt8]

    public init(count: Int, height: Int, width: Int, pixels: [UInt8]) {
        precondition(
            count > 0 && pixels.count == count * height * width * 3,
            "PixelBatch: \(pixels.count) bytes for \(count) images of \(height) x \(width)")
        (self.count, self.height, self.width, self.pixels) = (count, height, width, pixels)
    }

    /// Bytes per image.
    public var pictureSize: Int { height * width * 3 }

    /// The image at an index.
    func picture(_ index: Int) -> RGBImage {
        RGBImage(
            width: width, height: height, pixels: Array(pixels[index * pictureSize..<(index + 1) * pictureSize]))
    }

    /// One channel of an image, 0 ... 255.
    func plane(_ picture: Int, channel: Int) -> Plane {
        plane(picture) { pixels, at in Double(pixels[at + channel]) }
    }

    /// Brightness of an image, 0 ... 255 (ITU-R BT.601).
    func brightness(_ picture: Int) -> Plane {
        plane(picture) { pixels, at in
            0.299 * Double(pixels[at]) + 0.587 * Double(pixels[at + 1]) + 0.114 * Double(pixels[at + 2])
        }
    }

    private func plane(_ picture: Int, _ value: (UnsafeBufferPointer<UInt8>, Int) -> Double) -> Plane {
        let start = picture * pictureSize
        return pixels.withUnsafeBufferPointer { pixels in
            Plane(height: height, width: width, values: (0..<height * width).map { value(pixels, start + 3 * $0) })
        }
    }
}

/// One channel of an image in double precision.
struct Plane {
    let height: Int
    let width: Int
    var values: [Double]
}
