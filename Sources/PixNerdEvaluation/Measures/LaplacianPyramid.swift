import PixNerdTensors

/// A picture taken apart into bands of detail (Burt and Adelson, 1983), as the sliced Wasserstein distance looks at it.
///
/// Level 0 is what blurring takes away, at full size; the last level is what is left, small.
struct LaplacianPyramid {
    /// Three channels of each level, 0 ... 255 without the mean of the levels above the last.
    let levels: [[Plane]]

    /// The smallest side that is halved.
    private static let smallestHalved = 32

    /// How many levels a picture of this size has: halved as long as both sides are even and at least 32.
    static func levelCount(height: Int, width: Int) -> Int {
        var (height, width, count) = (height, width, 1)
        while min(height, width) >= smallestHalved && height % 2 == 0 && width % 2 == 0 {
            (height, width, count) = (height / 2, width / 2, count + 1)
        }
        return count
    }

    init(_ batch: PixelBatch, picture: Int) {
        var level = (0..<3).map { batch.plane(picture, channel: $0) }
        var levels: [[Plane]] = []
        for _ in 1..<Self.levelCount(height: batch.height, width: batch.width) {
            let smaller = level.map(Self.halved)
            levels.append(
                zip(level, smaller).map { fine, coarse in
                    var band = fine
                    let smooth = Self.doubled(coarse)
                    for i in band.values.indices { band.values[i] -= smooth.values[i] }
                    return band
                })
            level = smaller
        }
        self.levels = levels + [level]
    }

    /// Blurred, and every second pixel of that.
    private static func halved(_ plane: Plane) -> Plane {
        let smooth = blurred(plane, scale: 1)
        let (height, width) = (plane.height / 2, plane.width / 2)
        return Plane(
            height: height, width: width,
            values: (0..<height * width).map { smooth.values[2 * ($0 / width) * plane.width + 2 * ($0 % width)] })
    }

    /// Pixels set apart by zeros and blurred.
    private static func doubled(_ plane: Plane) -> Plane {
        let width = 2 * plane.width
        var apart = Plane(
            height: 2 * plane.height, width: width, values: [Double](repeating: 0, count: 4 * plane.values.count))
        for row in 0..<plane.height {
            for column in 0..<plane.width {
                apart.values[2 * row * width + 2 * column] = plane.values[row * plane.width + column]
            }
        }
        return blurred(apart, scale: 2)
    }

    /// Blurred by the binomial weights 1 4 6 4 1 in both directions, the picture going on as its mirror image about the
    /// middle of its outermost pixels.
    ///
    /// - Parameter scale: of the weights in each direction, whose sum is 1 before.
    private static func blurred(_ plane: Plane, scale: Double) -> Plane {
        let weights = [1, 4, 6, 4, 1].map { $0 / 16 * scale }
        let (height, width) = (plane.height, plane.width)
        func mirrored(_ index: Int, _ count: Int) -> Int {
            let index = abs(index)
            return index < count ? index : 2 * (count - 1) - index
        }
        var across = plane
        var down = plane
        let columns = (0..<width).map { column in (0..<5).map { mirrored(column + $0 - 2, width) } }
        plane.values.withUnsafeBufferPointer { source in
            across.values.withUnsafeMutableBufferPointer { target in
                for row in 0..<height {
                    for column in 0..<width {
                        var sum = 0.0
                        for tap in 0..<5 { sum += weights[tap] * source[row * width + columns[column][tap]] }
                        target[row * width + column] = sum
                    }
                }
            }
        }
        across.values.withUnsafeBufferPointer { source in
            down.values.withUnsafeMutableBufferPointer { target in
                for row in 0..<height {
                    let rows = (0..<5).map { mirrored(row + $0 - 2, height) * width }
                    for column in 0..<width {
                        var sum = 0.0
                        for tap in 0..<5 { sum += weights[tap] * source[rows[tap] + column] }
                        target[row * width + column] = sum
                    }
                }
            }
        }
        return down
    }
}

/// The levels of a picture's pyramid, each [channel, row, column].
package func laplacianLevels(_ batch: PixelBatch, picture: Int) -> [[Double]] {
    LaplacianPyramid(batch, picture: picture).levels.map { planes in planes.flatMap(\.values) }
}
