import PixNerdTestSupport
import Testing

@testable import PixNerdTensors

@Suite struct PatchPixelsTests {
    private func drawn(_ height: Int, _ width: Int, atMost side: Int, step: Int = 0) -> PatchPixels {
        var stream = RandomStream(seed: 1, purpose: .fieldSize, step: step)
        return PatchPixels(ofPatch: height, width, atMost: side, &stream)
    }

    @Test func rowsAndColumnsAreDrawnEvenly() {
        var counts = [Int](repeating: 0, count: 12)
        for step in 0..<3000 {
            let pixels = drawn(12, 6, atMost: 8, step: step)
            #expect(pixels.rows.count == 8 && pixels.columns == Array(0..<6))
            #expect(pixels.rows == Set(pixels.rows).sorted() && pixels.rows.allSatisfy { (0..<12).contains($0) })
            for row in pixels.rows { counts[row] += 1 }
        }
        // 2000 each is expected, with a standard deviation of 26.
        #expect(counts.allSatisfy { abs($0 - 2000) < 130 }, "\(counts)")
        #expect(!drawn(8, 8, atMost: 8).isPart && drawn(9, 8, atMost: 8).isPart)
    }

    @Test func pixelsAndPositionsAreThoseOfTheWholePatch() {
        let (height, width, rows, columns) = (5, 7, 2, 3)
        let pixels = drawn(height, width, atMost: 3)
        let image = Tensor(
            (0..<2 * 2 * rows * height * columns * width).map(Float.init),
            shape: [2, 2, rows * height, columns * width])
        let whole = PatchGrid(shape: image.shape, rows: rows, columns: columns).pixels(image)
        let part = pixels(image)
        #expect(part.shape == [2, 2, rows * 3, columns * 3])
        let own = PatchGrid(shape: part.shape, rows: rows, columns: columns).pixels(part)
        let places = pixels.rows.flatMap { row in pixels.columns.map { row * width + $0 } }
        for patch in 0..<whole.shape[0] {
            for (place, source) in places.enumerated() {
                for channel in 0..<2 {
                    #expect(
                        own.values[(patch * places.count + place) * 2 + channel]
                            == whole.values[(patch * height * width + source) * 2 + channel])
                }
            }
        }
        let features = fieldPositions(height: height, width: width)
        let (all, positions) = (features.values, pixels.positions(of: features).values)
        for (place, source) in places.enumerated() {
            #expect(positions[place * 64..<(place + 1) * 64] == all[source * 64..<(source + 1) * 64])
        }
    }

    /// Pixels around a patch are those of its neighbours, and beyond the image those mirrored at its edge.
    @Test func marginsReachIntoTheNeighbors() {
        let image = Tensor((0..<6).map(Float.init), shape: [1, 1, 1, 6])
        let all = PatchPixels(ofPatch: 1, 3, margin: PatchMargin(rows: 0, columns: 2))
        #expect(all.isPart)
        #expect(all(image).values == [1, 0, 0, 1, 2, 3, 4, 1, 2, 3, 4, 5, 5, 4])
        var stream = RandomStream(seed: 1, purpose: .fieldSize)
        let some = PatchPixels(ofPatch: 1, 3, margin: PatchMargin(rows: 0, columns: 2), atMost: 3, &stream)
        #expect(some.columns.count == 3 && some.columns.allSatisfy { (-2..<5).contains($0) })
        let features = centeredFieldPositions(
            height: 1, width: 3, frequencies: 4, margin: PatchMargin(rows: 0, columns: 2), reach: 0.6)
        #expect(features.shape == [7, 16])
        let (values, positions) = (features.values, some.positions(of: features).values)
        for (place, column) in some.columns.enumerated() {
            #expect(positions[place * 16..<(place + 1) * 16] == values[(column + 2) * 16..<(column + 3) * 16])
        }
        // The middle of the patch is the middle of the square, where cos(pi x) is 0.
        #expect(abs(values[3 * 16 + 4]) < 1e-6)
    }
}
