import PixNerdSupport

/// Edges one pixel wide, of strength 0 or 1, exactly those of OpenCV's `Canny` with a 3 x 3 Sobel filter and the L1 norm
/// (Canny, IEEE PAMI 8(6), 1986).
///
/// Each pixel takes the colour with the strongest gradient of the three, and the first of equal ones.
public struct Canny: Sendable, Equatable {
    /// Gradients above this one continue an edge.
    public let low: Int
    /// Gradients above this one begin an edge.
    public let high: Int

    /// The largest gradient of 8-bit pixels in the L1 norm.
    private static let strongest = 2 * 4 * 255

    /// - Parameters:
    ///   - low: The gradient above which pixels continue an edge.
    ///   - high: The gradient above which pixels begin an edge.
    /// - Throws: `PixNerdError` unless 0 <= low <= high <= 2040, the largest gradient that there is.
    public init(low: Int, high: Int) throws {
        try require("The higher threshold of Canny edges", high, in: 0...Self.strongest)
        try require("The lower threshold of Canny edges", low, in: 0...high)
        (self.low, self.high) = (low, high)
    }

    private init() { (low, high) = (100, 200) }

    /// Thresholds 100 and 200, as most programs use.
    public static let usual = Canny()

    /// The edges of an image.
    public func callAsFunction(_ image: RGBImage) -> EdgeMap {
        let (width, height) = (image.width, image.height)
        let gradient = ImageGradient(image)
        // 0 for no edge, 1 for a pixel that continues an edge, 2 for an edge.
        var state = [UInt8](repeating: 0, count: width * height)
        var open: [Int] = []
        for y in 0..<height {
            for x in 0..<width where gradient.isThin(x, y, above: low) {
                let place = y * width + x
                let isStrong = gradient.length(x, y) > high
                state[place] = isStrong ? 2 : 1
                if isStrong { open.append(place) }
            }
        }
        // Weak pixels that touch an edge by a side or a corner join it.
        while let place = open.popLast() {
            let (x, y) = (place % width, place / width)
            for row in max(y - 1, 0)...min(y + 1, height - 1) {
                for column in max(x - 1, 0)...min(x + 1, width - 1) where state[row * width + column] == 1 {
                    state[row * width + column] = 2
                    open.append(row * width + column)
                }
            }
        }
        return EdgeMap(width: width, height: height, values: state.map { $0 == 2 ? 1 : 0 })
    }
}

/// The Sobel gradient of the strongest colour at each pixel.
private struct ImageGradient {
    private let width: Int
    private let height: Int
    private var across: [Int32]
    private var down: [Int32]
    /// |across| + |down|, with a border of zeros.
    private var lengths: [Int32]

    init(_ image: RGBImage) {
        (width, height) = (image.width, image.height)
        across = [Int32](repeating: 0, count: width * height)
        down = across
        lengths = [Int32](repeating: 0, count: (width + 2) * (height + 2))
        let pixels = image.pixels
        for y in 0..<height {
            // Borders repeat.
            let rows = (max(y - 1, 0), y, min(y + 1, height - 1))
            for x in 0..<width {
                let columns = (max(x - 1, 0), x, min(x + 1, width - 1))
                var strongest: (length: Int32, across: Int32, down: Int32) = (-1, 0, 0)
                for color in 0..<3 {
                    func at(_ row: Int, _ column: Int) -> Int32 { Int32(pixels[(row * width + column) * 3 + color]) }
                    let (northWest, north, northEast) =
                        (at(rows.0, columns.0), at(rows.0, columns.1), at(rows.0, columns.2))
                    let (west, east) = (at(rows.1, columns.0), at(rows.1, columns.2))
                    let (southWest, south, southEast) =
                        (at(rows.2, columns.0), at(rows.2, columns.1), at(rows.2, columns.2))
                    let across = northEast + 2 * east + southEast - northWest - 2 * west - southWest
                    let down = southWest + 2 * south + southEast - northWest - 2 * north - northEast
                    let length = abs(across) + abs(down)
                    if length > strongest.length { strongest = (length, across, down) }
                }
                across[y * width + x] = strongest.across
                down[y * width + x] = strongest.down
                lengths[(y + 1) * (width + 2) + x + 1] = strongest.length
            }
        }
    }

    /// The length of the gradient in the L1 norm; 0 outside the image.
    func length(_ x: Int, _ y: Int) -> Int32 { lengths[(y + 1) * (width + 2) + x + 1] }

    /// The tangent of 22.5 degrees, times 2^15.
    private static let tangent: Int64 = 13_573

    /// Whether the gradient of a pixel is above `low` and the largest along its direction, so that edges are thin. Of two
    /// equal neighbours the left or upper one is the edge; on diagonals neither is.
    func isThin(_ x: Int, _ y: Int, above low: Int) -> Bool {
        let here = length(x, y)
        guard here > low else { return false }
        let (dx, dy) = (across[y * width + x], down[y * width + x])
        let run = Int64(abs(dx))
        let rise = Int64(abs(dy)) << 15
        if rise < run * Self.tangent { return here > length(x - 1, y) && here >= length(x + 1, y) }
        if rise > run * Self.tangent + (run << 16) { return here > length(x, y - 1) && here >= length(x, y + 1) }
        // A gradient towards the lower right or upper left has equal signs.
        let side = (dx ^ dy) < 0 ? -1 : 1
        return here > length(x - side, y - 1) && here > length(x + side, y + 1)
    }
}
