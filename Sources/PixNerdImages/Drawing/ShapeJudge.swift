import PixNerdSupport

/// Says which coloured shapes a picture of the captioned shapes dataset shows, by a fixed rule over its pixels.
///
/// 1. A picture of more than 64 pixels a side is cropped to its middle square and reduced to 64.
/// 2. The background is the median of the outermost pixels, for each of red, green and blue. Its name is that of the
///    nearest background colour.
/// 3. Pixels whose colour is more than 50 (of 255, Euclidean) away from the background are marked. Marked pixels that
///    touch, also by a corner, form a shape if they are at least 1 % of the picture.
/// 4. The colour of a shape is the mean of the quarter of its pixels that are farthest from the background. Its name is
///    that of the nearest colour of shapes.
/// 5. The coverage of a pixel of the shape, or next to it, is its position on the line from the background to that
///    colour: 0 is background, 1 is shape.
/// 6. Each outline of the dataset is drawn with the area and the centre of gravity of that coverage, turned by five angles
///    of at most 11 degrees and 8 % smaller, equal and larger. The shape is the outline whose drawing has the highest
///    correlation with the coverage. Below 0.8 it is none.
public struct ShapeJudge: Sendable {
    /// A shape in a picture.
    public struct Seen: Sendable, Equatable, Codable {
        /// The name of the nearest colour.
        public let color: String
        /// The name of the outline; nil if it is like none.
        public let shape: String?
        /// The correlation with the outline, at most 1.
        public let score: Double
        /// The centre of gravity, in units of the picture's sides from the left and from the top.
        public let x: Double
        public let y: Double
        /// The share of the picture that it covers.
        public let area: Double
    }

    /// What a picture shows.
    public struct View: Sendable, Equatable, Codable {
        /// The name of the nearest background colour.
        public let background: String
        /// The shapes, the largest first; empty if there are none.
        public let shapes: [Seen]
    }

    /// The least distance from the background, of 255.
    private static let threshold = 50.0
    /// The share of the picture below which marked pixels are dirt.
    private static let leastArea = 0.01
    private static let leastScore = 0.8
    private static let largestSide = 64
    private static let tangents = [-0.1, -0.05, 0, 0.05, 0.1]
    private static let scales = [0.92, 1, 1.08]

    /// The outlines that a shape may have, with their areas and centres of gravity for a radius of 1.
    private let outlines: [(outline: ShapeOutline, area: Double, x: Double, y: Double)]

    public init() {
        outlines = ShapePalette.outlines.map { outline in
            let steps = 128
            var (count, x, y) = (0.0, 0.0, 0.0)
            for row in 0..<steps {
                for column in 0..<steps {
                    let u = (Double(column) + 0.5) * 2 / Double(steps) - 1
                    let v = (Double(row) + 0.5) * 2 / Double(steps) - 1
                    guard outline.contains(u, v) else { continue }
                    (count, x, y) = (count + 1, x + u, y + v)
                }
            }
            return (outline, count * 4 / Double(steps * steps), x / count, y / count)
        }
    }

    /// Looks at a picture.
    ///
    /// - Parameter picture: a picture of any size.
    public func view(_ picture: RGBImage) -> View {
        let isLarge = max(picture.width, picture.height) > Self.largestSide
        let canvas = JudgedCanvas(isLarge ? admCenterCrop(picture, size: ImageSize(Self.largestSide)) : picture)
        let least = Int((Double(canvas.width * canvas.height) * Self.leastArea).rounded(.up))
        let shapes = canvas.regions(farther: Self.threshold)
            .filter { $0.count >= least }
            .sorted { $0.count > $1.count }
            .map { seen($0, on: canvas) }
        return View(
            background: ShapePalette.nearest(canvas.background, of: ShapePalette.backgrounds), shapes: shapes)
    }

    private func seen(_ region: [Int], on canvas: JudgedCanvas) -> Seen {
        let color = canvas.color(of: region)
        let coverage = JudgedCoverage(region, color: color, on: canvas)
        var best: (outline: ShapeOutline, score: Double)?
        for (outline, area, x, y) in outlines {
            let usual = (coverage.mass / area).squareRoot()
            for tangent in Self.tangents {
                for scale in Self.scales {
                    let radius = usual * scale
                    let score = coverage.correlation(outline, gravity: (x, y), radius: radius, tangent: tangent)
                    if score > best?.score ?? -1 { best = (outline, score) }
                }
            }
        }
        let score = best?.score ?? 0
        return Seen(
            color: ShapePalette.nearest(color, of: ShapePalette.colors),
            shape: score >= Self.leastScore ? best?.outline.rawValue : nil, score: score,
            x: coverage.x / Double(canvas.width), y: coverage.y / Double(canvas.height),
            area: Double(region.count) / Double(canvas.width * canvas.height))
    }
}

/// A picture with its background and the distance of each pixel from it.
struct JudgedCanvas {
    let width: Int
    let height: Int
    let background: ShapeColor
    let pixels: [ShapeColor]
    /// Distances from the background, of 255.
    let distances: [Double]

    init(_ picture: RGBImage) {
        let (width, height) = (picture.width, picture.height)
        (self.width, self.height) = (width, height)
        pixels = stride(from: 0, to: picture.pixels.count, by: 3).map {
            ShapeColor(picture.pixels[$0], picture.pixels[$0 + 1], picture.pixels[$0 + 2])
        }
        let border = (0..<width * height).filter { at in
            at % width == 0 || at % width == width - 1 || at / width == 0 || at / width == height - 1
        }
        func median(_ channel: Int) -> UInt8 {
            border.map { picture.pixels[$0 * 3 + channel] }.sorted()[border.count / 2]
        }
        let background = ShapeColor(median(0), median(1), median(2))
        self.background = background
        distances = pixels.map { $0.squaredDistance(to: background).squareRoot() * 255 }
    }

    /// Connected sets of pixels that are farther from the background than a threshold.
    func regions(farther threshold: Double) -> [[Int]] {
        var isOpen = distances.map { $0 > threshold }
        var regions: [[Int]] = []
        for start in isOpen.indices where isOpen[start] {
            var region = [start]
            isOpen[start] = false
            var next = 0
            while next < region.count {
                let (row, column) = region[next].quotientAndRemainder(dividingBy: width)
                next += 1
                for y in max(row - 1, 0)...min(row + 1, height - 1) {
                    for x in max(column - 1, 0)...min(column + 1, width - 1) where isOpen[y * width + x] {
                        isOpen[y * width + x] = false
                        region.append(y * width + x)
                    }
                }
            }
            regions.append(region)
        }
        return regions
    }

    /// The mean of the quarter of a region's pixels that are farthest from the background.
    func color(of region: [Int]) -> ShapeColor {
        let farthest = region.sorted { (distances[$0], $0) > (distances[$1], $1) }.prefix((region.count + 3) / 4)
        var sum = ShapeColor(0, 0, 0)
        for at in farthest {
            sum.red += pixels[at].red
            sum.green += pixels[at].green
            sum.blue += pixels[at].blue
        }
        let count = Double(farthest.count)
        (sum.red, sum.green, sum.blue) = (sum.red / count, sum.green / count, sum.blue / count)
        return sum
    }
}

/// How much of each pixel around a shape the shape covers.
struct JudgedCoverage {
    private let left: Int
    private let top: Int
    private let width: Int
    /// The coverage of the pixels of a rectangle, row by row.
    private let values: [Double]
    /// The sum of the coverage, in pixels.
    let mass: Double
    /// The centre of gravity in pixels.
    let x: Double
    let y: Double

    init(_ region: [Int], color: ShapeColor, on canvas: JudgedCanvas) {
        let (columns, rows) = (region.map { $0 % canvas.width }, region.map { $0 / canvas.width })
        // A little wider than the shape, so that its outside counts.
        let (left, top) = (columns.min()! - 2, rows.min()! - 2)
        let (width, height) = (columns.max()! + 3 - left, rows.max()! + 3 - top)
        let line = (
            color.red - canvas.background.red, color.green - canvas.background.green,
            color.blue - canvas.background.blue
        )
        let length = line.0 * line.0 + line.1 * line.1 + line.2 * line.2
        var isNear = [Bool](repeating: false, count: width * height)
        for (column, row) in zip(columns, rows) {
            for y in row - 1...row + 1 {
                for x in column - 1...column + 1 { isNear[(y - top) * width + x - left] = true }
            }
        }
        var values = [Double](repeating: 0, count: width * height)
        var (mass, sumX, sumY) = (0.0, 0.0, 0.0)
        for at in values.indices where isNear[at] {
            let (x, y) = (left + at % width, top + at / width)
            guard (0..<canvas.width).contains(x), (0..<canvas.height).contains(y) else { continue }
            let pixel = canvas.pixels[y * canvas.width + x]
            let along =
                (pixel.red - canvas.background.red) * line.0 + (pixel.green - canvas.background.green) * line.1
                + (pixel.blue - canvas.background.blue) * line.2
            let value = min(max(along / length, 0), 1.2)
            values[at] = value
            mass += value
            sumX += value * (Double(x) + 0.5)
            sumY += value * (Double(y) + 0.5)
        }
        (self.left, self.top, self.width, self.values, self.mass) = (left, top, width, values, mass)
        (x, y) = (sumX / mass, sumY / mass)
    }

    /// The correlation with an outline whose centre of gravity is at that of the coverage.
    ///
    /// - Parameters:
    ///   - outline: the silhouette.
    ///   - gravity: its centre of gravity for a radius of 1.
    ///   - radius: its radius in pixels.
    ///   - tangent: the tangent of half the angle by which it is turned.
    func correlation(
        _ outline: ShapeOutline, gravity: (x: Double, y: Double), radius: Double, tangent: Double
    ) -> Double {
        let cosine = (1 - tangent * tangent) / (1 + tangent * tangent)
        let sine = 2 * tangent / (1 + tangent * tangent)
        var (sumA, sumB, sumAA, sumBB, sumAB) = (0.0, 0.0, 0.0, 0.0, 0.0)
        for at in values.indices {
            let (column, row) = (left + at % width, top + at / width)
            var inside = 0.0
            for (dx, dy) in [(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)] {
                let u = (Double(column) + dx - x) / radius
                let v = (Double(row) + dy - y) / radius
                if outline.contains(cosine * u + sine * v + gravity.x, cosine * v - sine * u + gravity.y) {
                    inside += 0.25
                }
            }
            let value = values[at]
            sumA += value
            sumB += inside
            sumAA += value * value
            sumBB += inside * inside
            sumAB += value * inside
        }
        let count = Double(values.count)
        let spread = (sumAA - sumA * sumA / count) * (sumBB - sumB * sumB / count)
        return spread > 0 ? (sumAB - sumA * sumB / count) / spread.squareRoot() : 0
    }
}
