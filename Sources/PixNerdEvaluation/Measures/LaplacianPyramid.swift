import PixNerdTensors

/// Laplacian pyramid of an image (Burt and Adelson, 1983), for the sliced Wasserstein distance.
///
/// Level 0 is the detail that blurring removes, at full size; the last level is the small remainder.
struct LaplacianPyramid {
    /// All channels of each level. The last level is in 0 ... 255; the others have no mean.
    let levels: [[Plane]]

    /// Smallest side that is still halved.
    private static let smallestHalved = 32

    /// Number of levels for an image size: it is halved as long as both sides are even and at least 32.
    static func levelCount(height: Int, width: Int) -> Int {
        var (height, width, count) = (height, width, 1)
        while min(height, width) >= smallestHalved && height % 2 == 0 && width % 2 == 0 {
            (height, width, count) = (height / 2, width / 2, count + 1)
        }
        return count
    }

    init(_ batch: PixelBatch, picture: Int) {
        var level = (0..<batch.channels).map { batch.plane(picture, channel: $0) }
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

    /// Every second pixel of the blurred plane.
    private static func halved(_ plane: Plane) -> Plane {
        let smooth = blurred(plane, scale: 1)
        let (height, width) = (plane.height / 2, plane.width / 2)
        return Plane(
            height: height, width: width,
            values: (0..<height * width).map { smooth.values[2 * ($0 / width) * plane.width + 2 * ($0 % width)] })
    }

    /// The plane at twice the size: pixels interleaved with zeros, then blurred.
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

    /// The plane blurred with the binomial weights 1 4 6 4 1 in both directions; edges are mirrored about the centres
    /// of the outermost pixels.
    ///
    /// - Parameter scale: a factor for the weights of each direction, which otherwise sum to 1.
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

/// Levels of an image's pyramid, each [channel, row, column].
package func laplacianLevels(_ batch: PixelBatch, picture: Int) -> [[Double]] {
    LaplacianPyramid(batch, picture: picture).levels.map { planes in planes.flatMap(\.values) }
}
