import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdTensors
import PixNerdTestSupport
import Testing

@testable import PixNerdModels

@Suite struct FieldRouteTests {
    /// At the training size both routes give the same result.
    @Test func theSizeOfTrainingIsDecodedAsItWasTrained() throws {
        let file = try Fixtures.pixnerd("tiny-reference-16x16")
        let route = FieldRoute(try PixNerdTests.model("tiny"), trainedSize: 16)
        let velocity = route.velocity(
            try file.tensor("x"), times: try file.tensor("t").values, condition: ClassCondition(try file.integers("y")))
        expectClose(velocity, try file.tensor("velocity"), .network)
    }

    /// In a patch of side 2 P - 1 every other pixel lies at the position of a training pixel; with the same noisy value
    /// it gets the same velocity.
    @Test func finerPositionsPassThroughThoseOfTraining() throws {
        let model = try PixNerdTests.model("tiny")
        let file = try Fixtures.pixnerd("tiny-reference-16x16")
        let (x, labels) = (try file.tensor("x").rows(0..<1), [1])
        // Patches of 4 become patches of 7: pixel 2k of each lies at position k / 3.
        func source(_ place: Int) -> Int { place / 7 * 4 + place % 7 / 2 }
        var fine = Tensor(zeros: [1, 3, 28, 28])
        let coarse = x.values
        fine.withUnsafeMutableBuffer { fine in
            for index in fine.indices {
                let (channel, row, column) = (index / 784, index / 28 % 28, index % 28)
                fine[index] = coarse[(channel * 16 + source(row)) * 16 + source(column)]
            }
        }
        // Nearest pixels of 28 in 16 are those above, so that the transformer sees the picture of training.
        #expect(resizedToNearest(fine, height: 16, width: 16).values.count == coarse.count)
        let seen = FieldRoute(model, trainedSize: 16).velocity(fine, times: [0.4], condition: ClassCondition(labels))
            .values
        let direct = model.velocity(
            resizedToNearest(fine, height: 16, width: 16), times: [0.4], condition: ClassCondition(labels)
        ).values
        // Where the seen picture equals the fine one at a shared position, the velocities must agree.
        let seenPicture = resizedToNearest(fine, height: 16, width: 16).values
        var compared = 0
        for row in 0..<28 where row % 7 % 2 == 0 {
            for column in 0..<28 where column % 7 % 2 == 0 {
                let (fineAt, coarseAt) = (row * 28 + column, source(row) * 16 + source(column))
                let same = (0..<3).allSatisfy { channel in
                    coarse[channel * 256 + coarseAt] == seenPicture[channel * 256 + coarseAt]
                }
                guard same else { continue }
                compared += 1
                for channel in 0..<3 {
                    #expect(abs(seen[channel * 784 + fineAt] - direct[channel * 256 + coarseAt]) < 1e-4)
                }
            }
        }
        #expect(compared >= 16, "enough places where both see the same")
    }

    @Test func nearestPixelsAreThoseOfTorch() {
        let row = Tensor((0..<5).map { Float($0) }, shape: [1, 1, 1, 5])
        // floor(i * 5 / n)
        #expect(resizedToNearest(row, height: 1, width: 3).values == [0, 1, 3])
        #expect(resizedToNearest(row, height: 2, width: 8).values == [0, 0, 1, 1, 2, 3, 3, 4, 0, 0, 1, 1, 2, 3, 3, 4])
    }

    /// A pixel gets the same velocity whether some or all pixels of its patch are decoded.
    @Test func somePixelsAreDecodedAsAllAre() throws {
        let model = try PixNerdTests.model("tiny")
        let x = Tensor.normal([2, 3, 28, 36]) { RandomStream(seed: 3, purpose: .test, index: $0) }
        let (route, times, labels) = (FieldRoute(model, trainedSize: 16), [Float(0.2), 0.7], [1, 0])
        var stream = RandomStream(seed: 1, purpose: .fieldSize)
        let pixels = PatchPixels(ofPatch: 7, 9, atMost: 4, &stream)
        let part = route.decoding(pixels, of: x, times: times, condition: ClassCondition(labels)).velocity(
            pixels(x), times: times, condition: ClassCondition(labels))
        let whole = pixels(route.velocity(x, times: times, condition: ClassCondition(labels)))
        #expect(part.shape == [2, 3, 16, 16])
        // Products with fewer rows may sum in another order.
        expectClose(part, whole, .network)
    }
}
