import PixNerdImages

/// A sheet of images, their reconstructions by each autoencoder, and the amplified differences.
struct RoundTripSheet {
    /// Indices of the images that are shown.
    let places: [Int]
    private let originals: [RGBImage]
    private var returned: [(number: Int, pictures: [RGBImage])] = []

    private static let pictures = 8
    /// Largest share of the differences that may be clipped to black or white.
    private static let clipped = 0.01
    private static let largestFactor = 64

    init(_ originals: RoundTripOriginals) {
        let count = min(Self.pictures, originals.count)
        places = (0..<count).map { $0 * originals.count / count }
        self.originals = originals.batches.pictures(places)
    }

    /// - Parameter number: the autoencoder's number in the report, from 1.
    mutating func add(_ pictures: [RGBImage], number: Int) { returned.append((number, pictures)) }

    /// The sheet: a row of the images, and for each autoencoder a row of reconstructions and a row of differences
    /// around grey, amplified by the factor in its label.
    var picture: RGBImage {
        let factor = self.factor
        let rows = returned.flatMap { number, pictures in
            [
                ("\(number): reconstruction", pictures),
                ("\(number): difference x \(factor)", zip(originals, pictures).map { difference($0, $1, factor) }),
            ]
        }
        return ImageGrid.make(rows: [("original", originals)] + rows)
    }

    /// Amplification of the differences: the largest power of two that clips hardly any of them, one for all
    /// autoencoders so that they can be compared.
    private var factor: Int {
        var counts = [Int](repeating: 0, count: 256)
        for (_, pictures) in returned {
            for (original, picture) in zip(originals, pictures) {
                for (a, b) in zip(original.pixels, picture.pixels) { counts[abs(Int(a) - Int(b))] += 1 }
            }
        }
        let allowed = Int(Double(counts.reduce(0, +)) * Self.clipped)
        var factor = Self.largestFactor
        while factor > 1, counts.indices.reduce(0, { $1 * factor > 127 ? $0 + counts[$1] : $0 }) > allowed {
            factor /= 2
        }
        return factor
    }

    private func difference(_ original: RGBImage, _ picture: RGBImage, _ factor: Int) -> RGBImage {
        let pixels = zip(original.pixels, picture.pixels).map { a, b in
            UInt8(clamping: 128 + factor * (Int(b) - Int(a)))
        }
        return RGBImage(width: original.width, height: original.height, pixels: pixels)
    }
}
