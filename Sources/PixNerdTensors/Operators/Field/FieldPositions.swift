import Foundation

/// Cosine features of the pixel positions in a patch.
///
/// cos(pi x fx) cos(pi y fy) / (1 + fx fy), with frequencies fx and fy in linspace(0, 8, 8). Positions are linspace(0,
/// 1, width) and linspace(0, 1, height), so that a patch with more pixels samples the same square more finely. Pixels
/// are in row order; among the features, fx varies slowest.
///
/// - Returns: [height * width, frequencies * frequencies].
public func fieldPositions(height: Int, width: Int, frequencies: Int = 8) -> Tensor {
    func places(_ count: Int) -> [Double] { (0..<count).map { Double(count == 1 ? 0 : Float($0) / Float(count - 1)) } }
    return cosineFeatures(
        down: places(height), across: places(width),
        bands: (0..<frequencies).map { Float(frequencies) * Float($0) / Float(frequencies - 1) })
}

/// Cosine features of the pixel positions in a patch, bounded by what its pixels can tell apart.
///
/// cos(pi x fx) cos(pi y fy) / (1 + fx fy), with frequencies 0 ... `frequencies` - 1 of half-waves over the patch.
/// Positions are the centers of the pixels in a patch that reaches from 0 to 1, so that a point of the patch has the same
/// position at every density. At a density of `frequencies` pixels these are the cosines of the discrete cosine
/// transform; none of them varies faster than the pixels of training can show, so that between them the field is smooth.
///
/// With a margin the square reaches `reach` patches beyond the patch on each side, so that every pixel of it has a
/// position of its own.
///
/// - Parameters:
///   - margin: number of pixels around the patch that have features, too.
///   - reach: how far the square reaches beyond the patch, relative to its side.
/// - Returns: [(height + 2 margin.rows) * (width + 2 margin.columns), frequencies * frequencies].
public func centeredFieldPositions(
    height: Int, width: Int, frequencies: Int, margin: PatchMargin = .none, reach: Double = 0
) -> Tensor {
    func places(_ count: Int, _ margin: Int) -> [Double] {
        (-margin..<count + margin).map { ((Double($0) + 0.5) / Double(count) + reach) / (1 + 2 * reach) }
    }
    return cosineFeatures(
        down: places(height, margin.rows), across: places(width, margin.columns),
        bands: (0..<frequencies).map(Float.init))
}

/// Products of cosines of the positions along both axes, [down * across, bands * bands].
private func cosineFeatures(down: [Double], across: [Double], bands: [Float]) -> Tensor {
    func basis(_ places: [Double]) -> [[Float]] {
        places.map { place in bands.map { Float(cos(Double.pi * place * Double($0))) } }
    }
    let (across, down) = (basis(across), basis(down))
    var values: [Float] = []
    for row in down {
        for column in across {
            for (i, fx) in bands.enumerated() {
                for (j, fy) in bands.enumerated() { values.append(column[i] * row[j] / (1 + fx * fy)) }
            }
        }
    }
    return Tensor(values, shape: [down.count * across.count, bands.count * bands.count])
}

/// Cosines of rotary angles of the pixel positions in a patch, as the published text-to-image model has them.
///
/// Positions are linspace(0, 16) along both axes, so that a patch with more pixels samples the same square more finely.
/// They are multiplied by `count` / 2 rates as in `rotaryTable`; features of x and y alternate.
///
/// - Parameters:
///   - height: number of pixels from top to bottom.
///   - width: number of pixels from left to right.
///   - count: number of features, even.
/// - Returns: [height * width, count], pixels in row order.
public func rotaryFieldPositions(height: Int, width: Int, count: Int = 64) -> Tensor {
    let angles = planeAngles(width: 2 * count, rows: height, columns: width, across: 16, down: 16)
    return Tensor(angles.map { cosf($0) }, shape: [height * width, count])
}
