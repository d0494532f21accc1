import PixNerdSupport

/// What the pixels of a model are: their channels, the type of value that images are written as, and the stored values
/// that become -1 and 1.
public struct PixelFormat: Sendable, Hashable, Codable {
    /// The meaning of the channels.
    public enum Channels: Sendable, Hashable {
        case grey
        case rgb
        /// Red, green, blue and opacity.
        case rgba
        /// Channels that are no colours, which files must have exactly.
        case plain(Int)

        public var count: Int {
            switch self {
            case .grey: 1
            case .rgb: 3
            case .rgba: 4
            case .plain(let count): count
            }
        }
    }

    public let channels: Channels
    /// The type of the values in files that are written.
    public let element: Raster.Element
    /// Stored values that become -1 and 1; nil for the whole range of a file's own type (see `Raster.Element.fullRange`).
    public let range: ClosedRange<Float>?

    public init(_ channels: Channels, _ element: Raster.Element = .uint8, range: ClosedRange<Float>? = nil) {
        self.channels = channels
        self.element = element
        self.range = range
    }

    /// 8-bit colours, the format of most images.
    public static let rgb8 = PixelFormat(.rgb)

    /// Values of a pixel.
    public var channelCount: Int { channels.count }
    /// Whether a loader keeps images of this format as bytes; others are floats.
    var isRGB8: Bool { self == .rgb8 }
    /// Bytes of a pixel in a loader.
    var loadedSize: Int { isRGB8 ? 3 : 4 * channelCount }

    private enum CodingKeys: String, CodingKey {
        case channels
        case element
        case range
    }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        let name = try values.decode(String.self, forKey: .channels)
        guard let channels = Channels(name) else {
            throw DecodingError.dataCorruptedError(forKey: .channels, in: values, debugDescription: "channels \(name)")
        }
        let bounds = try values.decodeIfPresent([Float].self, forKey: .range)
        if let bounds, bounds.count != 2 || !bounds.allSatisfy(\.isFinite) || bounds[0] >= bounds[1] {
            throw DecodingError.dataCorruptedError(forKey: .range, in: values, debugDescription: "range \(bounds)")
        }
        self.init(
            channels, try values.decode(Raster.Element.self, forKey: .element), range: bounds.map { $0[0]...$0[1] })
    }

    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(channels.description, forKey: .channels)
        try values.encode(element, forKey: .element)
        try values.encodeIfPresent(range.map { [$0.lowerBound, $0.upperBound] }, forKey: .range)
    }
}

extension PixelFormat.Channels: CustomStringConvertible {
    /// The channels that a text names: `grey`, `rgb`, `rgba`, or a number from 1 to `ImageFile.maximumChannels`.
    public init?(_ text: String) {
        switch text {
        case "grey": self = .grey
        case "rgb": self = .rgb
        case "rgba": self = .rgba
        default:
            guard let count = Int(text), (1...ImageFile.maximumChannels).contains(count) else { return nil }
            self = .plain(count)
        }
    }

    public var description: String {
        switch self {
        case .grey: "grey"
        case .rgb: "rgb"
        case .rgba: "rgba"
        case .plain(let count): String(count)
        }
    }
}

extension PixelFormat: CustomStringConvertible {
    /// A phrase for people, such as "grey, 16 bits".
    public var description: String {
        let channels = if case .plain(let count) = channels { counted(count, "channel") } else { channels.description }
        let type =
            switch element {
            case .uint8: "8 bits"
            case .uint16: "16 bits"
            case .float32: "float32"
            }
        return "\(channels), \(type)" + (range.map { ", \($0.lowerBound) to \($0.upperBound)" } ?? "")
    }
}

/// Opacity in resampling: colours are mixed by how visible they are, as Pillow mixes them.
extension PixelFormat {
    /// Multiplies colours by their opacity, in place.
    ///
    /// - Parameters:
    ///   - pixels: interleaved values from 0 to 1.
    ///   - count: number of pixels.
    func weighByOpacity(_ pixels: UnsafeMutablePointer<Float>, count: Int) {
        guard case .rgba = channels else { return }
        for pixel in 0..<count {
            for color in 0..<3 { pixels[4 * pixel + color] *= pixels[4 * pixel + 3] }
        }
    }

    /// Divides colours by their opacity, in place; what is not visible becomes black.
    func undoOpacity(_ pixels: UnsafeMutablePointer<Float>, count: Int) {
        guard case .rgba = channels else { return }
        for pixel in 0..<count {
            let opacity = pixels[4 * pixel + 3]
            for color in 0..<3 { pixels[4 * pixel + color] = opacity > 0 ? pixels[4 * pixel + color] / opacity : 0 }
        }
    }
}
