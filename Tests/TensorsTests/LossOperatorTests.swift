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

    /// Sides that 8 does not divide, and sides that it does.
    @Test(arguments: ["", "small."])
    func frequencies(prefix: String) throws {
        let file = try Fixtures.recipe("losses")
        let target = try file.tensor(prefix + "want")
        let error = Parameter(
            name: "error", value: Tensor.combination(1, try file.tensor(prefix + "got"), -1, target))
        let mean = withGradient { frequencyLoss(error.tensor, quality: 85).mean }
        expectClose(mean, Tensor(try file.tensor(prefix + "dct").values, shape: [1]))
        expectClose(try #require(error.gradient), try file.tensor(prefix + "dct.gradient"))
        let pictures = frequencyLoss(error.value, quality: 85).pictures
        #expect(abs(pictures.reduce(0, +) / 2 - mean.scalar) < 1e-6)
        expectDerivative([error]) { frequencyLoss(error.tensor, quality: 85).mean }
    }

    /// A side shorter than what it is continued by is reflected more than once.
    @Test(arguments: [[1, 3, 1, 1], [2, 3, 3, 9]])
    func frequenciesOfTinyPictures(shape: [Int]) {
        let error = Parameter(name: "error", value: random(shape, seed: 3))
        expectDerivative([error]) { frequencyLoss(error.tensor, quality: 20).mean }
    }

    /// Without quantization all frequencies weigh the same, and the transform keeps lengths: what is left is the
    /// square in YCbCr. A grey error has only Y.
    @Test func equalWeightsGiveTheSquareOfGrey() {
        let grey = random([1, 1, 16, 24], seed: 4)
        let error = Tensor(grey.values + grey.values + grey.values, shape: [1, 3, 16, 24])
        let square = grey.values.reduce(0) { $0 + Double($1) * Double($1) } / Double(error.count)
        let loss = frequencyLoss(error, quality: 100).mean.scalar
        #expect(abs(Double(loss) / square - 1) < 1e-5)
    }

    @Test(arguments: DispersiveForm.allCases, [Float(1), 0.5])
    func dispersion(form: DispersiveForm, temperature: Float) throws {
        let file = try Fixtures.recipe("losses")
        let tokens = Parameter(name: "tokens", value: try file.tensor("tokens"))
        func loss() -> Tensor { dispersiveLoss(tokens.tensor, form: form, temperature: temperature) }
        let out = withGradient { loss() }
        let name = "\(form).\(temperature)"
        expectClose(out, Tensor(try file.tensor("\(name).loss").values, shape: [1]))
        expectClose(try #require(tokens.gradient), try file.tensor("\(name).gradient"))
        expectDerivative([tokens]) { loss() }
    }

    /// One image has nothing to be driven away from; far images have no slope in PixNerd's form.
    @Test func dispersionWithoutPairs() throws {
        let one = Parameter(name: "one", value: random([1, 4, 6], seed: 5))
        let far = Parameter(name: "far", value: scaled(random([3, 4, 6], seed: 6), by: 1000))
        let cases: [(DispersiveForm, Parameter, Float)] = [
            (.paper, one, 0), (.pixnerd, one, -13.815511), (.pixnerd, far, -13.815511), (.paper, far, -1.0986123),
        ]
        for (form, parameter, expected) in cases {
            parameter.clearGradient()
            let loss = withGradient { dispersiveLoss(parameter.tensor, form: form) }
            #expect(abs(loss.scalar - expected) < 1e-5)
            #expect(try #require(parameter.gradient).values.allSatisfy { $0 == 0 })
        }
    }
}
