import Foundation
import PixNerdCheckpoints
import PixNerdLayers
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Testing

@testable import PixNerdDiffusion

/// DPM-Solver++(2M) and UniPC against PyTorch in float64.
@Suite struct PictureSolverTests {
    private let file: SafetensorsFile

    init() throws { file = try SafetensorsFile(path: Fixtures.path("recipes/samplers.safetensors")) }

    private static let rounded = Tolerance(relative: 1e-6, because: "double precision, rounded once")
    private let grid = (0...10).map { Double($0) / 10 }

    /// Every step of ten: the first two and the last are of order 1, the one before the last is of order 2.
    @Test(arguments: [("dpm", 2), ("unipc3", 3)])
    func predictorsAreThoseOfTheReference(name: String, order: Int) throws {
        let rows = (0..<10).flatMap { step -> [Float] in
            let weights = predictorWeights(grid, step: step, order: order)
            let padding = [Double](repeating: 0, count: 3 - weights.predictions.count)
            return ([weights.start] + weights.predictions + padding).map { Float($0) }
        }
        expectClose(
            Tensor(rows, shape: [10, 4]), try file.tensor("coefficients.\(name).10"), Self.rounded, name)
    }

    @Test func correctorsAreThoseOfTheReference() throws {
        let expected = try file.tensor("coefficients.corrector3.10")
        for step in 0..<10 {
            let row = expected.rows(step..<step + 1)
            guard let weights = correctorWeights(grid, step: step, order: 3) else {
                #expect(row.values.allSatisfy(\.isNaN) && (step == 0 || step == 9))
                continue
            }
            let padding = [Double](repeating: 0, count: 4 - weights.predictions.count)
            // The reference has the prediction at the end of the step last.
            let values = [weights.start] + weights.predictions.dropFirst() + padding + [weights.predictions[0]]
            expectClose(Tensor(values.map { Float($0) }, shape: [1, 5]), row, Self.rounded, "step \(step)")
        }
    }

    /// The exact velocity of data that are a mixture of Gaussian distributions.
    private struct Mixture: Denoiser {
        let means: [[Double]]
        let deviations: [Double]
        let shares: [Double]
        let channels: Int
        let sizeMultiple: ImageSize = 1
        let parameters: [Parameter] = []

        init(_ file: SafetensorsFile) throws {
            let means = try file.tensor("means")
            self.means = (0..<means.shape[0]).map { means.rows($0..<$0 + 1).values.map(Double.init) }
            deviations = try file.tensor("stds").values.map(Double.init)
            shares = try file.tensor("shares").values.map(Double.init)
            channels = means.shape[1]
        }

        func velocity(_ x: Tensor, times: [Float], condition: any Condition) -> Tensor {
            let rows = times.indices.flatMap {
                velocity(x.rows($0..<$0 + 1).values.map(Double.init), Double(times[$0]))
            }
            return Tensor(rows.map { Float($0) }, shape: x.shape)
        }

        private func velocity(_ x: [Double], _ time: Double) -> [Double] {
            let variances = deviations.map { time * time * $0 * $0 + (1 - time) * (1 - time) }
            let logs = means.indices.map { k in
                let square = zip(x, means[k]).reduce(0) { $0 + ($1.0 - time * $1.1) * ($1.0 - time * $1.1) }
                return log(shares[k]) - 0.5 * square / variances[k] - 0.5 * Double(channels) * log(variances[k])
            }
            let weights = logs.map { exp($0 - logs.max()!) }
            let sum = weights.reduce(0, +)
            return x.indices.map { i in
                means.indices.reduce(0) { total, k in
                    let rest = x[i] - time * means[k][i]
                    let data = means[k][i] + time * deviations[k] * deviations[k] / variances[k] * rest
                    return total + weights[k] / sum * (data - (1 - time) / variances[k] * rest)
                }
            }
        }
    }

    private func run(_ sampler: Sampler, steps: Int, shift: Float = 1, lastStep: Float? = nil) throws -> Tensor {
        let mixture = try Mixture(file)
        let start = try file.tensor("start")
        return try sample(
            mixture, noise: start.reshaped([start.shape[0], mixture.channels, 1, 1]),
            condition: ClassCondition([Int?](repeating: 0, count: start.shape[0])),
            settings: SamplingSettings(
                sampler: sampler, steps: steps, guidance: Guidance(scale: 1), shift: shift, lastStep: lastStep)
        ).reshaped(start.shape)
    }

    @Test(
        arguments: [
            ("euler", Sampler.euler), ("dpm", .dpm), ("unipc2", .unipc(order: 2)), ("unipc3", .unipc(order: 3)),
        ], [(6, Float(1)), (10, 1), (20, 1), (6, 3), (10, 3), (20, 3)])
    func runsAreThoseOfTheReference(sampler: (name: String, value: Sampler), grid: (steps: Int, shift: Float)) throws {
        let name = "\(sampler.name).\(grid.steps).\(grid.shift)"
        expectClose(
            try run(sampler.value, steps: grid.steps, shift: grid.shift), try file.tensor(name),
            Tolerance(relative: 1e-5, because: "float32 against float64, and times rounded to float32"), name)
    }

    /// In very short steps of equal length the weights are those of Adams-Bashforth and Adams-Moulton.
    @Test func shortStepsLoseNoDigits() throws {
        let times = (0...8).map { 0.5 + 1e-7 * Double($0) }
        let predictor = predictorWeights(times, step: 3, order: 3).predictions
        let corrector = try #require(correctorWeights(times, step: 3, order: 3)).predictions
        for (weights, expected) in [
            (predictor, [23 / 12, -16 / 12, 5 / 12]), (corrector, [9 / 24, 19 / 24, -5 / 24, 1 / 24]),
        ] as [([Double], [Float])] {
            let total = weights.reduce(0, +)
            expectClose(
                Tensor(weights.map { Float($0 / total) }, shape: [weights.count]),
                Tensor(expected, shape: [expected.count]),
                Tolerance(relative: 1e-5, because: "the weight e^l varies by 4e-7 over a step"))
        }
    }

    /// Times that float32 cannot tell apart from each other, from 0 or from 1.
    @Test(arguments: [(1e-30, nil), (1e30, nil), (1, 1e-30), (1e-6, 1e-7), (1, 0.999)] as [(Float, Float?)])
    func awkwardTimesGiveNumbers(shift: Float, lastStep: Float?) throws {
        for sampler in [Sampler.dpm, .unipc(order: 2), .unipc(order: 3)] {
            for steps in [1, 2, 3, 30] {
                #expect(try run(sampler, steps: steps, shift: shift, lastStep: lastStep).isFinite)
            }
        }
    }
}
