import PixNerdImages
import PixNerdTensors

/// Images of one size to measure.
public struct PixelBatch: Sendable {
    public let count: Int
    public let height: Int
    public let width: Int
    /// The images as they are shown, 8-bit RGB, [count, height, width, 3].
    public let pixels: [UInt8]
    /// Channels that are measured: 3 for colours.
    let channels: Int
    /// The values of all channels, [count, height, width, channels], with 0 and 255 at the ends of their range; nil for
    /// 8-bit colours, which `pixels` holds.
    private let levels: [Float]?

    public init(count: Int, height: Int, width: Int, pixels: [UInt8]) {
        self.init(count: count, height: height, width: width, pixels: pixels, channels: 3, levels: nil)
    }

    private init(count: Int, height: Int, width: Int, pixels: [UInt8], channels: Int, levels: [Float]?) {
        precondition(
            count > 0 && pixels.count == count * height * width * 3
                && levels.map { $0.count == count * height * width * channels } ?? true,
            "PixelBatch: \(pixels.count) bytes for \(count) images of \(height) x \(width)")
        (self.count, self.height, self.width, self.pixels) = (count, height, width, pixels)
        (self.channels, self.levels) = (channels, levels)
    }

    /// Whether the images are 8-bit colours.
    var isRGB8: Bool { levels == nil }

    /// Joins images of one size; nil if there are none.
    init?(_ pictures: [RGBImage]) {
        guard let first = pictures.first else { return nil }
        self.init(
            count: pictures.count, height: first.height, width: first.width, pixels: pictures.flatMap(\.pixels))
    }

    /// Joins images of one size and format; nil if there are none.
    init?(_ pictures: [ValueImage]) {
        guard let first = pictures.first else { return nil }
        self.init(
            count: pictures.count, height: first.height, width: first.width, pixels: pictures.flatMap(\.shown.pixels),
            channels: first.format.channelCount, levels: pictures.flatMap { $0.values.map { ($0 + 1) * 127.5 } })
    }

    /// Joins batches of one size and format, at least one.
    init(joining parts: [PixelBatch]) {
        self.init(
            count: parts.reduce(0) { $0 + $1.count }, height: parts[0].height, width: parts[0].width,
            pixels: parts.flatMap(\.pixels), channels: parts[0].channels,
            levels: parts[0].levels == nil ? nil : parts.flatMap { $0.levels ?? [] })
    }

    /// The images at some indices; nil for none.
    func part(_ pictures: [Int]) -> PixelBatch? {
        guard !pictures.isEmpty else { return nil }
        guard pictures.count < count else { return self }
        func rows<Value>(_ values: [Value]) -> [Value] {
            let size = values.count / count
            return pictures.flatMap { values[$0 * size..<($0 + 1) * size] }
        }
        return PixelBatch(
            count: pictures.count, height: height, width: width, pixels: rows(pixels), channels: channels,
            levels: levels.map(rows))
    }

    /// Bytes per image of `pixels`.
    public var pictureSize: Int { height * width * 3 }

    /// The image at an index, as it is shown.
    func picture(_ index: Int) -> RGBImage {
        RGBImage(
            width: width, height: height, pixels: Array(pixels[index * pictureSize..<(index + 1) * pictureSize]))
    }

    /// One channel of an image, 0 ... 255.
    func plane(_ picture: Int, channel: Int) -> Plane {
        guard let levels else { return plane(picture) { pixels, at in Double(pixels[at + channel]) } }
        return Plane(
            height: height, width: width,
            values: (0..<height * width).map { Double(levels[(picture * height * width + $0) * channels + channel]) })
    }

    /// Brightness of an image, 0 ... 255 (ITU-R BT.601); of channels that are no colours, their mean.
    func brightness(_ picture: Int) -> Plane {
        guard levels != nil else {
            return plane(picture) { pixels, at in
                0.299 * Double(pixels[at]) + 0.587 * Double(pixels[at + 1]) + 0.114 * Double(pixels[at + 2])
            }
        }
        let weights =
            channels == 3 || channels == 4
            ? [0.299, 0.587, 0.114] : [Double](repeating: 1 / Double(channels), count: channels)
        var sum = Plane(height: height, width: width, values: [Double](repeating: 0, count: height * width))
        for (channel, weight) in weights.enumerated() {
            for (place, value) in plane(picture, channel: channel).values.enumerated() {
                sum.values[place] += weight * value
            }
        }
        return sum
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
