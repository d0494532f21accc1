import PixNerdImages

/// Pictures with what autoencoders make of them, and the differences, drawn larger than they are.
struct RoundTripSheet {
    /// Which of the pictures are shown.
    let places: [Int]
    private let originals: [RGBImage]
    private var returned: [(number: Int, pictures: [RGBImage])] = []

    private static let pictures = 8
    /// The share of the differences that may be cut off at black or white.
    private static let clipped = 0.01
    private static let largestFactor = 64

    init(_ originals: RoundTripOriginals) {
        let count = min(Self.pictures, originals.count)
        places = (0..<count).map { $0 * originals.count / count }
        self.originals = originals.batches.pictures(places)
    }

    /// - Parameter number: of the autoencoder, as the report counts them from 1.
    mutating func add(_ pictures: [RGBImage], number: Int) { returned.append((number, pictures)) }

    /// A row of the pictures, and for each autoencoder one of what came back and one of the differences around grey, all
    /// of them as many times as the label says.
    var picture: RGBImage {
        let factor = self.factor
        let rows = returned.flatMap { number, pictures in
            [
                ("\(number): round trip", pictures),
                ("\(number): difference x \(factor)", zip(originals, pictures).map { difference($0, $1, factor) }),
            ]
        }
        return ImageGrid.make(rows: [("picture", originals)] + rows)
    }

    /// The largest power of two that leaves nearly all differences within what can be shown; the same for all
    /// autoencoders, so that they can be compared.
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
