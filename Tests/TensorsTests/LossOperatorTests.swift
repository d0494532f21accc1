import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Losses that training may add to the mean squared error or put in its place.
@Suite struct LossOperatorTests {
    private func random(_ shape: [Int], seed: UInt64) -> Tensor {
        Tensor.normal(shape) { RandomStream(seed: seed, purpose: .test, step: 0, index: $0) }
    }

    @Test func equalFactorsGiveTheMeanSquaredError() throws {
        let target = random([3, 2, 5, 7], seed: 2)
        let (plain, weighted) = (
            Parameter(name: "plain", value: random([3, 2, 5, 7], seed: 1)),
            Parameter(name: "weighted", value: random([3, 2, 5, 7], seed: 1))
        )
        var pictures: [[Float]] = []
        let expected = withGradient {
            let loss = meanSquaredError(plain.tensor, target: target)
            pictures.append(loss.pictures)
            return loss.mean
        }
        let mean = withGradient {
            let loss = weightedSquaredError(weighted.tensor, target: target, factors: [1, 1, 1])
            pictures.append(loss.pictures)
            return loss.mean
        }
        #expect(mean.values == expected.values && pictures[0] == pictures[1])
        expectClose(try #require(weighted.gradient), try #require(plain.gradient))
    }

    @Test func eachPictureHasItsFactor() throws {
        let target = random([3, 4, 5], seed: 2)
        let x = Parameter(name: "x", value: random([3, 4, 5], seed: 1))
        let factors: [Float] = [0.5, 0, 3]
        let plain = meanSquaredError(x.value, target: target).pictures
        let (mean, pictures) = weightedSquaredError(x.value, target: target, factors: factors)
        let expected = zip(factors, plain).map { $0 * $1 }
        #expect(relativeError(pictures, expected) < 1e-6)
        #expect(abs(mean.scalar - expected.reduce(0, +) / 3) < 1e-6)
        expectDerivative([x]) { weightedSquaredError(x.tensor, target: target, factors: factors).mean }
        #expect(try #require(x.gradient).rows(1..<2).values.allSatisfy { $0 == 0 })
    }
}
