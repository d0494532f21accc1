import PixNerdTestSupport
import Testing

@testable import PixNerdTensors

/// What lets a field be decoded at other densities.
@Suite struct DensityOperatorTests {
    private func image(_ shape: [Int]) -> Tensor {
        Tensor.normal(shape) { RandomStream(seed: 5, purpose: .test, index: $0) }
    }

    @Test func areasAreAveraged() {
        let image = Tensor((0..<16).map(Float.init), shape: [1, 1, 4, 4])
        #expect(averagedByArea(image, height: 2, width: 2).values == [2.5, 4.5, 10.5, 12.5])
        // 3 pixels become 2: a whole one and half of the middle one.
        let row = Tensor([3, 6, 12], shape: [1, 1, 1, 3])
        expectClose(averagedByArea(row, height: 1, width: 2), Tensor([4, 10], shape: [1, 1, 1, 2]))
        // An axis that grows is repeated, the other averaged.
        let mixed = averagedByArea(Tensor([1, 3], shape: [1, 1, 2, 1]), height: 1, width: 2)
        #expect(mixed.values == [2, 2])
        #expect(
            averagedByArea(image, height: 8, width: 8).values == resizedToNearest(image, height: 8, width: 8).values)
    }

    @Test(arguments: [(48, 48), (64, 48), (40, 64)])
    func noiseShrinksAsItIsSaid(height: Int, width: Int) {
        let noise = Tensor.normal([64, 1, height, width]) { RandomStream(seed: 5, purpose: .test, index: $0) }
        let averaged = averagedByArea(noise, height: 32, width: 32).values
        let deviation = (averaged.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(averaged.count)).squareRoot()
        let said = Double(noiseAveragedByArea(from: (height, width), to: (32, 32)))
        // 65,536 numbers: the deviation is known to 0.3 %.
        #expect(abs(deviation / said - 1) < 0.02)
        #expect(noiseAveragedByArea(from: (64, 64), to: (32, 32)) == 0.5)
        #expect(noiseAveragedByArea(from: (32, 32), to: (32, 32)) == 1)
    }

    @Test func channelsAreJoined() {
        let (one, other) = (image([2, 2, 3, 4]), image([2, 1, 3, 4]))
        let joined = joinedChannels(one, other)
        #expect(joined.shape == [2, 3, 3, 4])
        for picture in 0..<2 {
            let own = joined.rows(picture..<picture + 1).values
            #expect(own == one.rows(picture..<picture + 1).values + other.rows(picture..<picture + 1).values)
        }
    }

    @Test(arguments: [0, 2, 3]) func columnsAreInserted(place: Int) {
        let matrix = Parameter(name: "matrix", value: image([4, 3]))
        let columns = Parameter(name: "columns", value: image([4, 2]))
        let joined = insertedColumns(matrix.value, columns.value, at: place).values
        for row in 0..<4 {
            let own = matrix.value.rows(row..<row + 1).values
            let others = columns.value.rows(row..<row + 1).values
            let expected: [Float] = Array(own[..<place]) + others + Array(own[place...])
            #expect(Array(joined[row * 5..<row * 5 + 5]) == expected)
        }
        expectDerivative([matrix, columns]) { insertedColumns(matrix.tensor, columns.tensor, at: place) }
    }

    @Test func neighborsAreThePixelsAround() {
        let (height, width) = (3, 4)
        let image = image([2, 2, height, width])
        let all = neighborhoods(image)
        #expect(all.shape == [2, 18, height, width])
        let (source, values) = (image.values, all.values)
        for picture in 0..<2 {
            for offset in 0..<9 {
                for channel in 0..<2 {
                    for place in 0..<height * width {
                        let (row, column) = (place / width + offset / 3 - 1, place % width + offset % 3 - 1)
                        let isInside = (0..<height).contains(row) && (0..<width).contains(column)
                        let expected =
                            isInside ? source[((picture * 2 + channel) * height + row) * width + column] : 0
                        #expect(
                            values[((picture * 9 + offset) * 2 + channel) * height * width + place] == expected)
                    }
                }
            }
        }
        #expect(neighborhoods(Tensor([7], shape: [1, 1, 1, 1])).values == [0, 0, 0, 0, 7, 0, 0, 0, 0])
    }

    /// Every third pixel of a patch that is three times as fine has the center of a pixel of training.
    @Test func centersStayWhereTheyAre() {
        let (coarse, fine) = (
            centeredFieldPositions(height: 4, width: 4, frequencies: 4).values,
            centeredFieldPositions(height: 12, width: 12, frequencies: 4).values
        )
        for row in 0..<4 {
            for column in 0..<4 {
                let (at, other) = ((row * 4 + column) * 16, ((3 * row + 1) * 12 + 3 * column + 1) * 16)
                for feature in 0..<16 { #expect(abs(coarse[at + feature] - fine[other + feature]) < 1e-6) }
            }
        }
    }

    /// At the density of training the features of an axis are orthogonal: none is another one in disguise.
    @Test func frequenciesAreToldApart() {
        let positions = centeredFieldPositions(height: 1, width: 8, frequencies: 8).values
        for one in 0..<8 {
            for other in 0..<one {
                // With one row of pixels the feature of frequencies (i, 0) is cos(pi i x).
                let dot = (0..<8).reduce(0.0) {
                    $0 + Double(positions[$1 * 64 + one * 8]) * Double(positions[$1 * 64 + other * 8])
                }
                #expect(abs(dot) < 1e-5)
            }
        }
    }

    @Test func sumsByImageHaveTheirDerivatives() {
        let (x, y) = (Parameter(name: "x", value: image([3, 2, 2])), Parameter(name: "y", value: image([3, 2, 2])))
        expectDerivative([x, y]) { weightedSum([1, -2, 0.5], x.tensor, [0, 3, -1], y.tensor) }
        #expect(
            weightedSum([2], Tensor([1, 2], shape: [1, 2]), [-1], Tensor([3, 5], shape: [1, 2])).values == [-1, -1])
    }
}
