import PixNerdImages
import PixNerdTensors

/// Finds the images that are nearest by the Euclidean distance over all pixels, exactly.
///
/// Values are shifted to -128 ... 127. Products of 1024 of them and all their partial sums are whole numbers of at most
/// 2^24, which matrix multiplications in float32 compute without rounding, in any order. The sums over all pixels are
/// taken in float64, where they are exact, too.
struct NearestPixels {
    private let images: PixelRows
    private(set) var found: NearestTwo
    /// Number of images that were compared.
    private var compared = 0

    /// Most images whose distances are computed at once.
    private static let rowsAtOnce = 1024

    init(_ images: PixelBatch) {
        self.images = PixelRows(images)
        found = NearestTwo(count: images.count)
    }

    /// Compares more images.
    mutating func add(_ batch: PixelBatch) {
        let (direct, mirrored) = (PixelRows(batch), PixelRows(batch.mirrored))
        for start in stride(from: 0, to: images.count, by: Self.rowsAtOnce) {
            let rows = start..<min(start + Self.rowsAtOnce, images.count)
            let own = images.distances(of: rows, to: [direct, mirrored])
            found.add(direct: own[0], mirrored: own[1], of: rows, first: compared)
        }
        compared += batch.count
    }
}

/// Images as rows of numbers from -128 to 127.
private struct PixelRows {
    private let batch: PixelBatch
    /// The sum of the squares of each row.
    private let squares: [Int]

    /// Most columns whose products have exact sums in float32: 1024 * 128^2 is 2^24.
    private static let columnsAtOnce = 1024

    init(_ batch: PixelBatch) {
        self.batch = batch
        let size = batch.pictureSize
        squares = batch.pixels.withUnsafeBufferPointer { pixels in
            parallelMap(batch.count) { row in
                pixels[row * size..<(row + 1) * size].reduce(0) { $0 + (Int($1) - 128) * (Int($1) - 128) }
            }
        }
    }

    var count: Int { batch.count }

    /// Squared distances of some rows to all rows of others: for each of these, [rows, count].
    func distances(of rows: Range<Int>, to others: [PixelRows]) -> [[Double]] {
        var products = others.map { [Double](repeating: 0, count: rows.count * $0.count) }
        for first in stride(from: 0, to: batch.pictureSize, by: Self.columnsAtOnce) {
            let columns = first..<min(first + Self.columnsAtOnce, batch.pictureSize)
            let own = tensor(rows, columns)
            for (place, other) in others.enumerated() {
                Self.add(linear(own, weight: other.tensor(0..<other.count, columns)), to: &products[place])
            }
        }
        for (place, other) in others.enumerated() {
            products[place].withUnsafeMutableBufferPointer { products in
                // Sound: each index writes to its own row.
                nonisolated(unsafe) let products = products
                parallelFor(rows.count) { row in
                    let own = Double(squares[rows.lowerBound + row])
                    for column in 0..<other.count {
                        let at = row * other.count + column
                        products[at] = own + Double(other.squares[column]) - 2 * products[at]
                    }
                }
            }
        }
        return products
    }

    private static func add(_ part: Tensor, to sums: inout [Double]) {
        part.withUnsafeBuffer { part in
            sums.withUnsafeMutableBufferPointer { sums in
                // Sound: the chunks are apart.
                nonisolated(unsafe) let sums = sums
                parallelChunks(sums.count, of: 1 << 16) { range in
                    for at in range { sums[at] += Double(part[at]) }
                }
            }
        }
    }

    /// A part of the rows, [rows, columns].
    private func tensor(_ rows: Range<Int>, _ columns: Range<Int>) -> Tensor {
        var tensor = Tensor(uninitialized: [rows.count, columns.count])
        let size = batch.pictureSize
        tensor.withUnsafeMutableBuffer { target in
            batch.pixels.withUnsafeBufferPointer { pixels in
                // Sound: each index writes to its own row.
                nonisolated(unsafe) let target = target
                parallelFor(rows.count) { row in
                    let from = (rows.lowerBound + row) * size + columns.lowerBound
                    for column in 0..<columns.count {
                        target[row * columns.count + column] = Float(pixels[from + column]) - 128
                    }
                }
            }
        }
        return tensor
    }
}

extension PixelBatch {
    /// The images mirrored from left to right.
    var mirrored: PixelBatch {
        var mirrored = pixels
        // Consecutive images can be treated as a single tall one.
        mirrored.withUnsafeMutableBufferPointer {
            mirrorRows($0.baseAddress!, width: width, height: count * height, channels: 3)
        }
        return PixelBatch(count: count, height: height, width: width, pixels: mirrored)
    }
}
