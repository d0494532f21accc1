import PixNerdCheckpoints
import PixNerdTensors
import PixNerdTestSupport
import Testing

@testable import PixNerdDiffusion

/// What a network may predict, against the statements in PyTorch (`Tests/Fixtures/recipes/targets.safetensors`).
@Suite struct TargetTests {
    private func file() throws -> SafetensorsFile { try Fixtures.recipe("targets") }

    private func prediction(_ name: String) throws -> Prediction {
        switch name {
        case "velocity": Prediction()
        case "picture": Prediction(.picture)
        case "doubled": Prediction(.picture, noiseScale: 2)
        default:
            Prediction(.asymmetric, subspace: PatchSubspace(basis: try file().tensor("basis"), patch: 8))
        }
    }

    /// A network whose output is a parameter.
    private func batch(_ file: SafetensorsFile, noiseScale: Float) throws -> TrainingBatch {
        TrainingBatch(
            data: try file.tensor("x"), noise: scaled(try file.tensor("noise"), by: noiseScale),
            times: try file.tensor("t").values, condition: ClassCondition([0, 0, 0, 0]))
    }

    @Test(arguments: ["velocity", "picture", "doubled", "asymmetric"])
    func lossesAndGradientsAreThoseOfTheStatements(name: String) throws {
        let file = try file()
        let prediction = try prediction(name)
        let batch = try batch(file, noiseScale: prediction.noiseScale)
        let output = Parameter(name: "output", value: try file.tensor("out"))
        let objective = TrainingObjective(prediction: prediction)
        let loss = withGradient(upstream: Tensor([1], shape: [1])) { objective.flow(output.tensor, batch).mean }
        expectClose(loss, try file.tensor("\(name).loss").reshaped([1]))
        expectClose(try #require(output.gradient), try file.tensor("\(name).gradient"))
        // The error is the difference of both velocities as they enter the loss.
        let error = prediction.error(
            output.value, wanted: prediction.wanted(data: batch.data, noise: batch.noise), times: batch.times)
        expectClose(
            error, Tensor.combination(1, try file.tensor("\(name).got"), -1, try file.tensor("\(name).want")))
        expectDerivative([output]) {
            prediction.error(
                output.tensor, wanted: prediction.wanted(data: batch.data, noise: batch.noise), times: batch.times)
        }
    }

    @Test func samplingRecoversTheVelocity() throws {
        let file = try file()
        let (times, output) = (try file.tensor("t").values, try file.tensor("out"))
        let x = FlowPath.point(data: try file.tensor("x"), noise: try file.tensor("noise"), times: times)
        expectClose(
            try prediction("asymmetric").velocity(output, of: x, times: times), try file.tensor("sampled.asymmetric"))
    }

    /// A network that is right gives the velocity of the data, whatever it predicts, unless the time is near 1.
    @Test(arguments: ["velocity", "picture", "doubled", "asymmetric"])
    func aPerfectNetworkGivesTheVelocity(name: String) throws {
        let prediction = try prediction(name)
        let batch = try batch(file(), noiseScale: prediction.noiseScale)
        let times: [Float] = [0, 0.4, 0.8, 0.94]
        let x = FlowPath.point(data: batch.data, noise: batch.noise, times: times)
        expectClose(
            prediction.velocity(
                prediction.wanted(data: batch.data, noise: batch.noise), of: x, times: times),
            FlowPath.velocity(data: batch.data, noise: batch.noise), .network)
    }

    /// Close to data, where velocities are divided by a floor, the network's own prediction comes back.
    @Test(arguments: [Float(0.3), 0.97])
    func dataAreWhatTheNetworkPredicts(time: Float) throws {
        let (output, x) = (try file().tensor("out"), try file().tensor("x"))
        let velocity = try prediction("picture").velocity(output, of: x, times: [Float](repeating: time, count: 4))
        expectClose(try prediction("picture").data(velocity, from: x, at: time), output, .network)
        // The prediction x - P e lacks the part of the image that the noise hides in the subspace.
        let asymmetric = try prediction("asymmetric")
        let guess = asymmetric.velocity(output, of: x, times: [Float](repeating: time, count: 4))
        let data = asymmetric.data(guess, from: x, at: time)
        let (inside, outside) = (asymmetric.subspace!.projected(data), asymmetric.subspace!.projected(output))
        expectClose(
            Tensor.combination(1, data, -1, inside), Tensor.combination(1, output, -1, outside), .network)
        expectClose(
            inside,
            asymmetric.subspace!.projected(Tensor.combination(1, x, 1 - time, output)), .network)
    }

    @Test func theSubspaceIsThatOfTheLargestSquares() throws {
        let file = try file()
        var moments = PatchMoments(patch: 8)
        let pictures = try file.tensor("pictures")
        moments.add(pictures.rows(0..<2))
        moments.add(pictures.rows(2..<6))
        let own = moments.subspace(rank: 8)
        let other = PatchSubspace(basis: try file.tensor("basis"), patch: 8)
        let x = try file.tensor("x")
        // Signs and order of the columns are arbitrary; the projection is not.
        expectClose(own.projected(x), other.projected(x), .network)
    }

    @Test func timesAndWeightsAreThoseOfTheStatements() throws {
        let file = try file()
        let times = try file.tensor("t").values
        for kind in TimeWeight.allCases {
            let weights = times.map { kind($0) }
            expectClose(
                Tensor(weights, shape: [weights.count]), try file.tensor("weight.\(kind.rawValue)"), .oneOperator,
                "\(kind)")
        }
        #expect(TimeWeight.allCases.allSatisfy { $0(0).isFinite && $0(1).isFinite })
    }

    /// The mean and the deviation act before the sigmoid.
    @Test func lognormalTimesMove() {
        func median(_ mean: Float, _ deviation: Float) -> Float {
            (0..<2001).map { index in
                var stream = RandomStream(seed: 3, purpose: .times, index: index)
                return TimeSampling.logNormal.draw(&stream, mean: mean, deviation: deviation)
            }.sorted()[1000]
        }
        // sigmoid(-0.8) = 0.31; the median of 2001 draws deviates by about 0.01.
        #expect(abs(median(-0.8, 0.8) - 0.31) < 0.03)
        #expect(abs(median(0, 1) - 0.5) < 0.03)
    }
}
