import PixNerdTensors

/// A shape with its position and colours, independent of resolution. Lengths are in units of the image's side.
struct ShapeScene {
    private var shape: PlacedOutline
    private let color: ShapeColor
    /// The background: a linear gradient from one colour at the top to another at the bottom.
    private let background: (top: ShapeColor, bottom: ShapeColor)

    init(outline: ShapeOutline, drawnFrom stream: inout RandomStream) {
        func uniform(_ range: ClosedRange<Double>) -> Double { stream.nextDouble(in: range) }
        let radius = uniform(0.28...0.4)
        let center = (uniform(0.44...0.56), uniform(0.44...0.56))
        // A rotation of at most 17 degrees.
        shape = PlacedOutline(outline, center: center, radius: radius, tangent: uniform(-0.15...0.15))

        let isLight = stream.nextInteger(below: 2) == 0
        let backgroundHue = uniform(0...0.999)
        let lightness = isLight ? uniform(0.86...0.98) : uniform(0.1...0.24)
        let slope = uniform(-0.06...0.06)
        let softness = isLight ? 0.12 : 0.35
        background = (
            ShapeColor(hue: backgroundHue, saturation: softness, value: lightness + slope),
            ShapeColor(hue: backgroundHue, saturation: softness, value: lightness - slope)
        )
        // Saturated, and dark on light or light on dark: yellow on white or blue on black would be hard to see.
        let hue = uniform(0...0.999)
        let saturation = isLight ? uniform(0.75...1) : uniform(0.5...0.85)
        let full = ShapeColor(hue: hue, saturation: saturation, value: 1)
        let value = isLight ? min(0.92, 0.52 / full.luma) : 1
        let vivid = ShapeColor(hue: hue, saturation: saturation, value: value)
        let white = ShapeColor(hue: 0, saturation: 0, value: 1)
        color = isLight || vivid.luma >= 0.5 ? vivid : vivid.mixed(with: white, share: 0.3)
    }

    /// The scene with its shape at another place.
    ///
    /// - Parameters:
    ///   - center: the position of its centre, from the upper left corner.
    ///   - radius: the radius of the circle that it fits in.
    ///   - tangent: the tangent of half the angle by which it is turned.
    func moved(to center: (x: Double, y: Double), radius: Double, tangent: Double) -> ShapeScene {
        var scene = self
        scene.shape = PlacedOutline(shape.outline, center: center, radius: radius, tangent: tangent)
        return scene
    }

    /// The scene with its shape anywhere that it fits, in a size of its own.
    func scattered(by stream: inout RandomStream) -> ShapeScene {
        let radius = stream.nextDouble(in: 0.14...0.36)
        let room = radius...1 - radius
        return moved(
            to: (stream.nextDouble(in: room), stream.nextDouble(in: room)), radius: radius,
            tangent: stream.nextDouble(in: -0.15...0.15))
    }

    /// Draws the scene, with sixteen samples per pixel.
    func rendered(size: Int) -> RGBImage {
        let pixels = [UInt8](unsafeUninitializedCapacity: size * size * 3) { buffer, count in
            for row in 0..<size {
                let behind = background.top.mixed(
                    with: background.bottom, share: (Double(row) + 0.5) / Double(size))
                for column in 0..<size {
                    let shown = behind.mixed(with: color, share: shape.coverage(column: column, row: row, size: size))
                    (buffer[count], buffer[count + 1], buffer[count + 2]) = shown.bytes
                    count += 3
                }
            }
        }
        return RGBImage(width: size, height: size, pixels: pixels)
    }
}
