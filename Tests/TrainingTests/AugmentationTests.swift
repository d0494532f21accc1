import PixNerdTensors
import PixNerdTestSupport
import Testing

@testable import PixNerdDiffusion

/// Augmentation that a model is told of, against the statements in PyTorch (`Tests/Fixtures/recipes/augment.safetensors`).
@Suite struct AugmentationTests {
    private func augmentations() throws -> [Augmentation] {
        let raw = try Fixtures.recipe("augment").tensor("raw")
        let values = raw.values.map(Double.init)
        return (0..<raw.shape[0]).map { Augmentation(Array(values[$0 * 9..<($0 + 1) * 9])) }
    }

    @Test func numbersMatricesAndImagesAreThoseOfTheStatements() throws {
        let file = try Fixtures.recipe("augment")
        let augmentations = try augmentations()
        expectClose(
            Tensor(augmentations.flatMap(\.numbers), shape: [augmentations.count, 9]), try file.tensor("condition"))
        let matrices = augmentations.flatMap { augmentation in
            (augmentation.matrix(height: 12, width: 16).values + [0, 0, 1]).map { Float($0) }
        }
        expectClose(
            Tensor(matrices, shape: [augmentations.count, 3, 3]), try file.tensor("matrix"), .oneOperator)
        // PyTorch computes the places in float32, which moves the values by what they differ between pixels.
        expectClose(
            Augmentation.apply(augmentations, to: try file.tensor("picture")), try file.tensor("augmented"), .network)
    }

    @Test func kindsAreDrawnAsOftenAsAsked() {
        func drawn(_ kinds: Set<Augmentation.Kind>, _ probability: Float = 0.25) -> [Augmentation] {
            (0..<4000).map { index in
                var stream = RandomStream(seed: 1, purpose: .augmentation, index: index)
                return Augmentation(probability: probability, kinds: kinds, &stream)
            }
        }
        let all = drawn(Set(Augmentation.Kind.allCases))
        func share(_ happens: (Augmentation) -> Bool) -> Double {
            Double(all.count(where: happens)) / Double(all.count)
        }
        // A share of 4000 draws deviates by at most 0.008.
        #expect(abs(share { $0.mirrorX == 1 } - 0.5) < 0.03)
        #expect(abs(share { $0.mirrorY == 1 } - 0.125) < 0.03)
        for kind in [\Augmentation.scale, \.turn, \.stretch, \.shiftX] {
            #expect(abs(share { $0[keyPath: kind] != 0 } - 0.25) < 0.03)
        }
        #expect(abs(share { $0.axis != 0 } - 0.125) < 0.03)
        // Leaving kinds out leaves the others as they were.
        for (one, whole) in zip(drawn([.scale, .shift]), all) {
            #expect(one.scale == whole.scale && one.shiftX == whole.shiftX)
            #expect(one.mirrorX == 0 && one.turn == 0 && one.stretch == 0)
        }
        #expect(drawn([]).allSatisfy { $0.numbers.allSatisfy { $0 == 0 } })
    }
}
