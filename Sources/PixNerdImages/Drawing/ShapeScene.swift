import PixNerdTensors

/// A shape with its position and colours, independent of resolution. Lengths are in units of the image's side.
struct ShapeScene {
    private let outline: ShapeOutline
    private let center: (x: Double, y: Double)
    private let radius: Double
    private let cosine: Double
    private let sine: Double
    private let color: Color
    /// The background: a linear gradient from one colour at the top to another at the bottom.
    private let background: (top: Color, bottom: Color)

    /// A colour with red, green and blue in 0 ... 1.
    private struct Color {
        var red: Double
        var green: Double
        var blue: Double

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

        func mixed(with other: Color, share: Double) -> Color {
            var result = self
            result.red += (other.red - red) * share
            result.green += (other.green - green) * share
            result.blue += (other.blue - blue) * share
            return result
        }
    }

    init(outline: ShapeOutline, drawnFrom stream: inout RandomStream) {
        func uniform(_ range: ClosedRange<Double>) -> Double {
            range.lowerBound + (range.upperBound - range.lowerBound) * Double(stream.nextUniform())
        }
        self.outline = outline
        radius = uniform(0.28...0.4)
        center = (uniform(0.44...0.56), uniform(0.44...0.56))
        // A rotation of at most 17 degrees, from the tangent of half the angle: sine functions differ between machines.
        let tangent = uniform(-0.15...0.15)
        cosine = (1 - tangent * tangent) / (1 + tangent * tangent)
        sine = 2 * tangent / (1 + tangent * tangent)

        let isLight = stream.nextInteger(below: 2) == 0
        let backgroundHue = uniform(0...0.999)
        let lightness = isLight ? uniform(0.86...0.98) : uniform(0.1...0.24)
        let slope = uniform(-0.06...0.06)
        let softness = isLight ? 0.12 : 0.35
        background = (
            Color(hue: backgroundHue, saturation: softness, value: lightness + slope),
            Color(hue: backgroundHue, saturation: softness, value: lightness - slope)
        )
        // Saturated, and dark on light or light on dark: yellow on white or blue on black would be hard to see.
        let hue = uniform(0...0.999)
        let saturation = isLight ? uniform(0.75...1) : uniform(0.5...0.85)
        let full = Color(hue: hue, saturation: saturation, value: 1)
        let value = isLight ? min(0.92, 0.52 / full.luma) : 1
        let vivid = Color(hue: hue, saturation: saturation, value: value)
        let white = Color(hue: 0, saturation: 0, value: 1)
        color = isLight || vivid.luma >= 0.5 ? vivid : vivid.mixed(with: white, share: 0.3)
    }

    /// Draws the scene, with sixteen samples per pixel.
    func rendered(size: Int) -> RGBImage {
        let pixels = [UInt8](unsafeUninitializedCapacity: size * size * 3) { buffer, count in
            for row in 0..<size {
                let behind = background.top.mixed(
                    with: background.bottom, share: (Double(row) + 0.5) / Double(size))
                for column in 0..<size {
                    let shown = behind.mixed(with: color, share: coverage(column: column, row: row, size: size))
                    buffer[count] = Self.byte(shown.red)
                    buffer[count + 1] = Self.byte(shown.green)
                    buffer[count + 2] = Self.byte(shown.blue)
                    count += 3
                }
            }
        }
        return RGBImage(width: size, height: size, pixels: pixels)
    }

    /// The fraction of a pixel that the shape covers, in sixteenths.
    private func coverage(column: Int, row: Int, size: Int) -> Double {
        var inside = 0
        for sampleRow in 0..<4 {
            let y = ((Double(row) + (Double(sampleRow) + 0.5) / 4) / Double(size) - center.y) / radius
            for sampleColumn in 0..<4 {
                let x = ((Double(column) + (Double(sampleColumn) + 0.5) / 4) / Double(size) - center.x) / radius
                if outline.contains(cosine * x + sine * y, cosine * y - sine * x) { inside += 1 }
            }
        }
        return Double(inside) / 16
    }

    private static func byte(_ value: Double) -> UInt8 {
        UInt8(min(max(value, 0), 1) * 255 + 0.5)
    }
}
