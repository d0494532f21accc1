/// The height and width of an image in pixels, or of another grid.
///
/// As text, one number stands for both sides, and HEIGHTxWIDTH for different ones: `64`, `64x96`.
public struct ImageSize: Sendable, Hashable, Codable {
    public let height: Int
    public let width: Int

    public init(height: Int, width: Int) {
        self.height = height
        self.width = width
    }

    /// A square.
    public init(_ side: Int) { self.init(height: side, width: side) }

    /// Reads a number or HEIGHTxWIDTH; nil if the text is neither.
    public init?(text: some StringProtocol) {
        let sides = text.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
        guard (1...2).contains(sides.count), let height = sides[0], let width = sides[sides.count - 1] else {
            return nil
        }
        self.init(height: height, width: width)
    }

    /// Whether an image may have these sides: from 1 to `SizeLimits.side`.
    public var isPossible: Bool { [height, width].allSatisfy((1...SizeLimits.side).contains) }

    public var isSquare: Bool { height == width }

    /// Number of pixels; for sides from metadata of unknown files, check them first.
    public var area: Int { height * width }

    public var shorterSide: Int { min(height, width) }

    /// Width divided by height.
    public var ratio: Double { Double(width) / Double(height) }

    /// `64` for a square, otherwise `64x96`.
    public var text: String { isSquare ? "\(height)" : "\(height)x\(width)" }

    /// Whether the height is a multiple of that of another size, and the width of its width.
    public func isMultiple(of other: ImageSize) -> Bool {
        height % other.height == 0 && width % other.width == 0
    }

    /// How often another size goes into this one, in height and width.
    public func divided(by other: ImageSize) -> ImageSize {
        ImageSize(height: height / other.height, width: width / other.width)
    }

    /// The sides divided by a number that divides them.
    public static func / (size: ImageSize, divisor: Int) -> ImageSize {
        ImageSize(height: size.height / divisor, width: size.width / divisor)
    }

    public static func * (size: ImageSize, factor: Int) -> ImageSize {
        ImageSize(height: size.height * factor, width: size.width * factor)
    }
}

extension ImageSize: ExpressibleByIntegerLiteral {
    public init(integerLiteral side: Int) { self.init(side) }
}

extension ImageSize: CustomStringConvertible {
    /// `64 x 96`.
    public var description: String { "\(height) x \(width)" }
}
