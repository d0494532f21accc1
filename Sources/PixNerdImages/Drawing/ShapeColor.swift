/// A colour with red, green and blue in 0 ... 1.
struct ShapeColor {
    var red: Double
    var green: Double
    var blue: Double

    init(_ red: UInt8, _ green: UInt8, _ blue: UInt8) {
        (self.red, self.green, self.blue) = (Double(red) / 255, Double(green) / 255, Double(blue) / 255)
    }

    /// - Parameters:
    ///   - hue: the position on the colour wheel in 0 ..< 1; 0 is red.
    ///   - saturation: 0 (grey) ... 1.
    ///   - value: the largest component.
    init(hue: Double, saturation: Double, value: Double) {
        /// The value of a component, by the distance of its own hue.
        func component(_ own: Double) -> Double {
            var distance = abs(hue - own)
            distance = min(distance, 1 - distance)
            let share = min(max(2 - 6 * distance, 0), 1)
            return value * (1 - saturation * (1 - share))
        }
        red = component(0)
        green = component(1.0 / 3)
        blue = component(2.0 / 3)
    }

    /// The perceived brightness.
    var luma: Double { 0.299 * red + 0.587 * green + 0.114 * blue }

    func mixed(with other: ShapeColor, share: Double) -> ShapeColor {
        var result = self
        result.red += (other.red - red) * share
        result.green += (other.green - green) * share
        result.blue += (other.blue - blue) * share
        return result
    }

    func squaredDistance(to other: ShapeColor) -> Double {
        let (r, g, b) = (red - other.red, green - other.green, blue - other.blue)
        return r * r + g * g + b * b
    }

    /// The three bytes of a pixel.
    var bytes: (UInt8, UInt8, UInt8) { (Self.byte(red), Self.byte(green), Self.byte(blue)) }

    private static func byte(_ value: Double) -> UInt8 {
        UInt8(min(max(value, 0), 1) * 255 + 0.5)
    }
}
