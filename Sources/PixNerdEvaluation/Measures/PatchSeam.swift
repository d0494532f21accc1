import PixNerdTensors

/// Detects seams between the patches that images were generated from.
///
/// Squared differences of neighbouring pixels are averaged by their position in a period. Seams make them larger at
/// patch boundaries than elsewhere. There is no literature on this measure; it guards against a known failure of models
/// that decode patch by patch.
public struct PatchSeam: Sendable {
    public let height: Int
    public let width: Int
    /// Mean squared difference across boundary i, i = 1 ..< width (or height), for each image.
    private var across: [[Float]] = []
    private var down: [[Float]] = []

    public init(height: Int, width: Int) { (self.height, self.width) = (height, width) }

    /// Adds images of size height x width.
    public mutating func add(_ batch: PixelBatch) {
        precondition(batch.height == height && batch.width == width, "PatchSeam: an image of another size")
        for energies in parallelMap(batch.count, { Self.energies(batch.brightness($0)) }) {
            across.append(energies.across)
            down.append(energies.down)
        }
    }

    private static func energies(_ plane: Plane) -> (across: [Float], down: [Float]) {
        let (height, width) = (plane.height, plane.width)
        var (across, down) = ([Double](repeating: 0, count: width - 1), [Double](repeating: 0, count: height - 1))
        for row in 0..<height {
            for column in 0..<width {
                let value = plane.values[row * width + column]
                if column + 1 < width {
                    let difference = plane.values[row * width + column + 1] - value
                    across[column] += difference * difference / Double(height)
                }
                if row + 1 < height {
                    let difference = plane.values[(row + 1) * width + column] - value
                    down[row] += difference * difference / Double(width)
                }
            }
        }
        return (across.map(Float.init), down.map(Float.init))
    }

    /// Ratio of the energy at multiples of `period` to the energy elsewhere; 1 without seams.
    ///
    /// - Parameters:
    ///   - period: at least 2, and small enough for a boundary to lie inside the images.
    ///   - counts: how often each image counts; nil for once each.
    public func energyRatio(period: Int, counts: [Int]? = nil) -> Double {
        precondition(period >= 2 && period < max(height, width), "PatchSeam: a period of \(period)")
        var (at, between): ((sum: Double, count: Double), (sum: Double, count: Double)) = ((0, 0), (0, 0))
        for boundaries in [across, down] {
            for (picture, energies) in boundaries.enumerated() {
                let times = Double(counts?[picture] ?? 1)
                for (index, energy) in energies.enumerated() {
                    if (index + 1).isMultiple(of: period) {
                        at = (at.sum + times * Double(energy), at.count + times)
                    } else {
                        between = (between.sum + times * Double(energy), between.count + times)
                    }
                }
            }
        }
        guard between.sum > 0 else { return at.sum > 0 ? .infinity : 1 }
        return at.sum / at.count / (between.sum / between.count)
    }

    /// Seam index: the energy ratio at the patch size over the mean ratio at unrelated periods, from half to twice the
    /// patch size. Regularities that images of any kind have cancel out.
    ///
    /// - Precondition: the patch is at least 2 pixels and fits into the image twice.
    public func index(patch: Int, counts: [Int]? = nil) -> Double {
        precondition(Self.isMeasurable(patch: patch, height: height, width: width), "PatchSeam: a patch of \(patch)")
        let others = Self.otherPeriods(patch: patch, shorterSide: min(height, width))
        let usual = others.reduce(0) { $0 + energyRatio(period: $1, counts: counts) } / Double(others.count)
        return energyRatio(period: patch, counts: counts) / usual
    }

    /// Whether seams of a patch size can be measured in images of a size.
    public static func isMeasurable(patch: Int, height: Int, width: Int) -> Bool {
        patch >= 2 && patch <= min(height, width) / 2
            && !otherPeriods(patch: patch, shorterSide: min(height, width)).isEmpty
    }

    /// Periods near the patch size that neither divide it nor are multiples of it.
    private static func otherPeriods(patch: Int, shorterSide: Int) -> [Int] {
        (max(2, patch / 2)...max(2 * patch, 3)).filter {
            !patch.isMultiple(of: $0) && !$0.isMultiple(of: patch) && $0 < shorterSide
        }
    }
}
