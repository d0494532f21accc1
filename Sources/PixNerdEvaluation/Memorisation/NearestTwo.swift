import PixNerdTensors

/// An image near to another one.
struct Neighbor: Sendable, Equatable {
    /// Index of the image, in the order in which images were compared.
    let index: Int
    /// Squared Euclidean distance.
    let squared: Double
    /// Whether its mirror image is what is near.
    let isMirrored: Bool

    var distance: Double { squared.squareRoot() }
}

/// The nearest and the second nearest of growing numbers of images, for each of some others.
///
/// An image is as far away as itself or its mirror image, whichever is nearer. Of equal distances the first one counts.
struct NearestTwo {
    private(set) var nearest: [Neighbor?]
    private(set) var second: [Neighbor?]

    init(count: Int) {
        nearest = [Neighbor?](repeating: nil, count: count)
        second = nearest
    }

    /// Compares more images.
    ///
    /// - Parameters:
    ///   - direct: squared distances of a range of the images to each of them, row by row.
    ///   - mirrored: squared distances to their mirror images.
    ///   - range: the rows.
    ///   - first: index of the first of the images to compare.
    mutating func add(direct: [Double], mirrored: [Double], of range: Range<Int>, first: Int) {
        precondition(
            direct.count == mirrored.count && direct.count % max(range.count, 1) == 0,
            "NearestTwo: \(direct.count) and \(mirrored.count) distances of \(range.count) images")
        let count = direct.count / max(range.count, 1)
        let found = direct.withUnsafeBufferPointer { direct in
            mirrored.withUnsafeBufferPointer { mirrored in
                parallelMap(range.count) { row -> (Neighbor?, Neighbor?) in
                    var (one, two) = (nearest[range.lowerBound + row], second[range.lowerBound + row])
                    // Almost all images are beyond both.
                    var limit = two?.squared ?? .infinity
                    for column in 0..<count {
                        let (own, other) = (direct[row * count + column], mirrored[row * count + column])
                        guard min(own, other) < limit else { continue }
                        let found = Neighbor(index: first + column, squared: min(own, other), isMirrored: other < own)
                        if found.squared < one?.squared ?? .infinity { (one, two) = (found, one) } else { two = found }
                        limit = two?.squared ?? .infinity
                    }
                    return (one, two)
                }
            }
        }
        for (row, pair) in found.enumerated() {
            (nearest[range.lowerBound + row], second[range.lowerBound + row]) = pair
        }
    }
}
