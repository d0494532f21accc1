/// The silhouettes of the shapes dataset. Each is centred and fits in the circle of radius 1; y points down.
///
/// Only additions, multiplications, divisions and comparisons are used, so that every machine draws the same pixels.
enum ShapeOutline: String, CaseIterable {
    case circle, cross, heart, ring, square, star, stripes, triangle

    /// Whether a point is inside.
    func contains(_ x: Double, _ y: Double) -> Bool {
        switch self {
        case .circle:
            return x * x + y * y < 0.81
        case .ring:
            let squared = x * x + y * y
            return squared > 0.3 && squared < 1
        case .square:
            return abs(x) < 0.76 && abs(y) < 0.76
        case .cross:
            return min(abs(x), abs(y)) < 0.29 && max(abs(x), abs(y)) < 0.95
        case .stripes:
            guard abs(x) < 0.8 && abs(y) < 0.84 else { return false }
            // Three bars with two gaps of equal height between them.
            let band = Int((y + 0.84) / 0.336)
            return band.isMultiple(of: 2)
        case .triangle:
            // The sides of an equilateral triangle with its tip up: y = 0.5, and slopes of the square root of 3.
            return y < 0.55 && y > 1.7320508 * abs(x) - 1.05
        case .heart:
            // A sextic curve, scaled and shifted to fill the circle.
            let u = x * 1.24
            let v = 0.12 - y * 1.24
            let bulge = u * u + v * v - 1
            return bulge * bulge * bulge < u * u * v * v * v
        case .star:
            return Self.isInStar(x, y)
        }
    }

    /// Whether a point is inside the five-pointed star: on the inner side of at least four of its five lines.
    private static func isInStar(_ x: Double, _ y: Double) -> Bool {
        var inner = 0
        for normal in starNormals where normal.x * x + normal.y * y < 0.30901699 {
            inner += 1
        }
        return inner >= 4
    }

    /// The normals of the lines: five evenly spaced directions, one of them straight up. With the tips on the unit
    /// circle, the distance of each line from the centre is the cosine of 72 degrees.
    private static let starNormals: [(x: Double, y: Double)] = [
        (0, -1), (0.95105652, -0.30901699), (0.58778525, 0.80901699), (-0.58778525, 0.80901699),
        (-0.95105652, -0.30901699),
    ]
}
