import Foundation
import PixNerdEvaluation
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Distances between features against scipy, torch-fidelity and pytorch-fid.
@Suite struct FeatureMeasureTests {
    private static let sums = "sums in double precision: eigenvalues are good to about 1e-13 of the largest"

    @Test func statisticsAreThoseOfNumpy() throws {
        let statistics = GaussianStatistics(of: try tensor("frechet.full.a"))
        let (mean, covariance) = (try expected("frechet.full.mean"), try expected("frechet.full.covariance"))
        for (a, e) in zip(statistics.mean, mean) { #expect(abs(a - e) < 1e-12) }
        #expect(statistics.covarianceValues.count == covariance.count)
        for (a, e) in zip(statistics.covarianceValues, covariance) { #expect(abs(a - e) < 1e-12) }
    }

    @Test func batchesAndRepetitionsCount() throws {
        let features = try tensor("frechet.full.a")
        var accumulator = GaussianAccumulator()
        let counts = try expected("frechet.counts").map { Int($0) }
        for first in stride(from: 0, to: 300, by: 70) {
            let range = first..<min(first + 70, 300)
            accumulator.add(features.rows(range), counts: Array(counts[range]))
        }
        #expect(accumulator.count == counts.reduce(0, +))
        let statistics = accumulator.statistics()
        for (a, e) in zip(statistics.mean, try expected("frechet.repeated.mean")) { #expect(abs(a - e) < 1e-12) }
        for (a, e) in zip(statistics.covarianceValues, try expected("frechet.repeated.covariance")) {
            #expect(abs(a - e) < 1e-12)
        }
    }

    @Test(arguments: ["full", "fewer"])
    func frechetDistanceIsThatOfScipy(name: String) throws {
        let (a, b) = (
            GaussianStatistics(of: try tensor("frechet.\(name).a")),
            GaussianStatistics(of: try tensor("frechet.\(name).b"))
        )
        let distance = try expected("frechet.\(name).distance")[0]
        // The promise is 1e-6; with fewer rows than features, roots of rounding errors would be 1e-7.
        expectNear(try FrechetDistance(to: a)(b), distance, relative: 1e-8, because: Self.sums)
        expectNear(try FrechetDistance(to: b)(a), distance, relative: 1e-8, because: Self.sums)
        #expect(abs(try FrechetDistance(to: a)(a)) < 1e-6 * distance)
    }

    @Test func damagedStatisticsAreToldAndNotComputedWith() throws {
        let features = try tensor("frechet.full.a")
        var damaged = features
        damaged.withUnsafeMutableBuffer { $0[5] = .nan }
        let good = GaussianStatistics(of: features)
        let bad = GaussianStatistics(of: damaged)
        let error = try #require(throws: PixNerdError.self) { try FrechetDistance(to: bad) }
        expectSentence(error.description, naming: ["not finite"])
        #expect(throws: PixNerdError.self) { try FrechetDistance(to: good)(bad) }
    }

    @Test func kernelDistanceIsThatOfTorchFidelity() throws {
        let (a, b) = (try tensor("kernel.a"), try tensor("kernel.b"))
        let value = try expected("kernel.distance")[0]
        // A subset of all pictures is the same in any order.
        let distance = KernelDistance(real: a, generated: b, subsets: 2, subsetSize: 40, seed: 3)
        expectNear(distance.mean, value, relative: 1e-10, because: "float64 throughout")
        #expect(distance.standardDeviation < 1e-10)
        let parts = KernelDistance(real: a, generated: b, subsets: 50, subsetSize: 20, seed: 3)
        #expect(parts.standardDeviation > 0)
        #expect(abs(parts.mean - value) < 3 * parts.standardDeviation)
        #expect(KernelDistance(real: a, generated: b, subsets: 50, subsetSize: 20, seed: 3).mean == parts.mean)
        #expect(KernelDistance(real: a, generated: b, subsets: 50, subsetSize: 20, seed: 4).mean != parts.mean)
    }

    @Test func precisionAndRecallAreThoseOfTorchFidelity() throws {
        let measured = PrecisionRecall(
            real: try tensor("manifold.real"), generated: try tensor("manifold.generated"))
        let values = try expected("manifold.expected")
        // Numbers of pictures, so that nothing is rounded.
        #expect(abs(measured.precision - values[0]) < 1e-6)
        #expect(abs(measured.recall - values[1]) < 1e-6)
        #expect(measured.isPlausible.count == 90 && measured.isCovered.count == 120)
    }

    @Test func inceptionScoreIsThatOfTorchFidelity() throws {
        let logits = try tensor("score.logits")
        let values = try expected("score.expected")
        for (splits, first) in [(1, 0), (3, 2)] {
            let score = InceptionScore(logits: logits, splitSize: 60 / splits)
            #expect(score.scores.count == splits)
            expectNear(score.mean, values[first], relative: 1e-10, because: "float64 throughout")
            #expect(abs(score.standardDeviation - values[first + 1]) < 1e-9)
        }
        let reversed = InceptionScore(logits: logits, order: Array((0..<60).reversed()), splitSize: 60)
        expectNear(reversed.mean, values[0], relative: 1e-10, because: "only the order of a sum differs")
    }
}
