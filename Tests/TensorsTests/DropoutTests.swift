import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Dropout, alone and inside the gated MLP.
@Suite struct DropoutTests {
    private func random(_ shape: [Int], seed: UInt64) -> Tensor {
        Tensor.normal(shape) { RandomStream(seed: seed, purpose: .test, step: 0, index: $0) }
    }

    private func mask(_ rate: Float, first: Int = 0) -> DropoutMask {
        DropoutMask(rate: rate) { RandomStream(seed: 9, purpose: .dropout, step: 3, index: first + $0) }
    }

    @Test func theMeanStays() {
        let out = dropout(Tensor(repeating: 3, shape: [4, 100, 100]), mask(0.25)).values
        #expect(Set(out) == [0, 4])
        let mean = out.reduce(0.0) { $0 + Double($1) } / Double(out.count)
        // Four standard deviations of the mean of 40,000 numbers.
        #expect(abs(mean - 3) < 0.035)
    }

    @Test func nothingIsDroppedAtRateZero() {
        let x = random([2, 30], seed: 1)
        #expect(dropout(x, mask(0)).values == x.values)
    }

    /// Images of more than one chunk of a parallel loop, whose ends lie within images.
    @Test func eachImageHasItsOwnNumbers() {
        let x = random([5, 7001], seed: 2)
        let together = dropout(x, mask(0.5))
        for image in 0..<5 {
            let range = image..<image + 1
            #expect(dropout(x.rows(range), mask(0.5, first: image)).values == together.rows(range).values)
        }
        let zeros = (0..<2).map { image in together.rows(image..<image + 1).values.map { $0 == 0 } }
        #expect(zeros[0] != zeros[1])
    }

    @Test func theGradientIsMaskedToo() throws {
        let x = Parameter(name: "x", value: Tensor(repeating: 1, shape: [3, 40]))
        let out = withGradient { dropout(x.tensor, mask(0.4)) }
        #expect(try #require(x.gradient).values == out.values)
        x.value = random([3, 40], seed: 3)
        expectDerivative([x]) { dropout(x.tensor, mask(0.4)) }
    }

    @Test(arguments: [false, true])
    func insideTheGatedLayer(isStacked: Bool) {
        let x = Parameter(name: "x", value: random([3, 5, 6], seed: 4))
        let gates = (0..<2).map { Parameter(name: "gate\($0)", value: random([8, 6], seed: 5 + UInt64($0))) }
        let stacked = Parameter(name: "stacked", value: Tensor.concatenated(gates.map(\.value)))
        let output = Parameter(name: "output", value: random([6, 8], seed: 7))
        func layer() -> Tensor {
            isStacked
                ? swiGLU(
                    x.tensor, stackedWeight: stacked.tensor, outputWeight: output.tensor, dropout: mask(0.3))
                : swiGLU(
                    x.tensor, gateWeight: gates[0].tensor, valueWeight: gates[1].tensor, outputWeight: output.tensor,
                    dropout: mask(0.3))
        }
        let product = gatedProduct(
            gate: linear(x.value, weight: gates[0].value), value: linear(x.value, weight: gates[1].value))
        expectClose(layer(), linear(dropout(product, mask(0.3)), weight: output.value))
        expectDerivative([x, output] + (isStacked ? [stacked] : gates)) { layer() }
    }

    @Test func aStreamIsReadFromAnyPlace() {
        var stream = RandomStream(seed: 1, purpose: .test)
        let words = (0..<30).map { _ in stream.nextWord() }
        for place in [0, 1, 4, 7, 29] {
            stream.seek(toWord: place)
            #expect(stream.nextWord() == words[place])
        }
    }
}
