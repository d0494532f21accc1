/// An outline at its place in a picture. Lengths are in units of the picture's side.
struct PlacedOutline {
    let outline: ShapeOutline
    let center: (x: Double, y: Double)
    let radius: Double
    private let cosine: Double
    private let sine: Double

    /// - Parameters:
    ///   - outline: the silhouette.
    ///   - center: the position of its centre, from the upper left corner.
    ///   - radius: the radius of the circle that it fits in.
    ///   - tangent: the tangent of half the angle by which it is turned: sine functions differ between machines.
    init(_ outline: ShapeOutline, center: (x: Double, y: Double), radius: Double, tangent: Double) {
        self.outline = outline
        self.center = center
        self.radius = radius
        cosine = (1 - tangent * tangent) / (1 + tangent * tangent)
        sine = 2 * tangent / (1 + tangent * tangent)
    }

    /// The fraction of a pixel that the shape covers, in sixteenths.
    func coverage(column: Int, row: Int, size: Int) -> Double {
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
}
