import PixNerdDiffusion
import PixNerdLayers
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// The squared error of images of which some pixels are padding.
@Suite struct CoveredErrorTests {
    private static let shape = [3, 2, 4, 5]
    private let output = Parameter(name: "output", value: Self.random(1))
    private let target = Self.random(2)
    private let factors: [Float] = [1, 0.5, 2]

    private static func random(_ seed: UInt64) -> Tensor {
        Tensor.normal(shape) { RandomStream(seed: seed, purpose: .noise, index: $0) }
    }

    /// Rows 1 and 2 of the first image, columns from 2 of the second one, and nothing of the third.
    private func isCovered(_ image: Int, _ row: Int, _ column: Int) -> Bool {
        image == 0 ? (1...2).contains(row) : image == 1 ? column >= 2 : false
    }

    private var mask: Tensor {
        let places = (0..<3 * 20).map { isCovered($0 / 20, $0 % 20 / 5, $0 % 5) ? Float(1) : 0 }
        return Tensor(places, shape: [3, 1, 4, 5])
    }

    @Test func onlyCoveredPixelsCount() {
        let (a, b) = (output.value.values, target.values)
        var expected: [Double] = []
        for image in 0..<3 {
            var (sum, count) = (0.0, 0)
            for place in 0..<40 where isCovered(image, place % 20 / 5, place % 5) {
                let difference = Double(a[image * 40 + place]) - Double(b[image * 40 + place])
                sum += difference * difference
                count += 1
            }
            expected.append(count == 0 ? 0 : Double(factors[image]) * sum / Double(count))
        }
        let found = coveredSquaredError(output.value, target: target, factors: factors, covered: mask)
        for (one, other) in zip(found.pictures, expected) { #expect(abs(Double(one) - other) < 1e-5 * max(1, other)) }
        #expect(abs(Double(found.mean.scalar) - expected.reduce(0, +) / 3) < 1e-5)
    }

    @Test func gradientsAreThoseOfCoveredPixels() throws {
        expectDerivative([output]) {
            coveredSquaredError(output.tensor, target: target, factors: factors, covered: mask).mean
        }
        _ = withGradient(upstream: Tensor([1], shape: [1])) {
            coveredSquaredError(output.tensor, target: target, factors: factors, covered: mask).mean
        }
        for (index, gradient) in try #require(output.gradient).values.enumerated() {
            #expect((gradient != 0) == isCovered(index / 40, index % 20 / 5, index % 5))
        }
    }

    @Test func withoutAMaskNothingChanges() {
        let plain = weightedSquaredError(output.value, target: target, factors: factors)
        let found = coveredSquaredError(output.value, target: target, factors: factors, covered: nil)
        #expect(found.pictures == plain.pictures && found.mean.scalar == plain.mean.scalar)
    }
}
