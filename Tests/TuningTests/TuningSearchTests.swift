import PixNerdDiffusion
import Testing

@testable import PixNerdTuning

/// The search over settings, with a measure by a formula instead of images.
@Suite struct TuningSearchTests {
    private static let start = TuningCandidate(length: nil, SamplingSettings(steps: 10))
    private static let axes: [[TuningOption]] = [
        [.length(nil), .length(0.05), .length(0.1), .length(0.2)], [1, 1.5, 2, 3, 3.5].map { .guidance($0) },
        [.interval(0, 1), .interval(0.1, 1), .interval(0.2, 0.8)], [.sampler(.euler), .sampler(.adams(order: 2))],
    ]

    /// Lowest at length 0.1, guidance 2, the interval 0.2 to 0.8, and Adams-Bashforth.
    private func distance(_ candidate: TuningCandidate) -> Double {
        let scale = Double(candidate.guidance[0])
        return 1 + 20 * abs((candidate.length ?? 0.3) - 0.1) + (scale - 2) * (scale - 2)
            + Double(candidate.times[1] - candidate.times[0]) + (candidate.sampler == .euler ? 0.1 : 0)
    }

    @Test func theBestOfEachSettingIsFound() throws {
        var search = TuningSearch(from: Self.start, axes: Self.axes, images: 256)
        #expect(search.rounds == [32, 64, 128, 256])
        var measured: [Int: Int] = [:]
        search.run { candidate, images in
            measured[images, default: 0] += 1
            return distance(candidate)
        }
        #expect(search.best.length == 0.1 && search.best.guidance == [2] && search.best.times == [0.2, 0.8])
        #expect(search.best.sampler == .adams(order: 2) && search.best.steps == 10)
        // Half of the values are left out in each round, but two of each setting stay.
        #expect(measured[32] == 1 + 3 + 4 + 2 + 1)
        #expect(measured[64] == 1 + 1 + 2 + 1 + 1 && measured[256] == 1 + 1 + 1 + 1 + 1)
    }

    @Test func nothingChangesWithoutABetterValue() throws {
        var search = TuningSearch(from: Self.start, axes: Self.axes, images: 64)
        search.run { _, _ in 3 }
        #expect(search.best == Self.start)
    }

    @Test(arguments: [0, 1, 3, 9, 30])
    func theSearchEndsWithItsTime(most: Int) throws {
        var search = TuningSearch(from: Self.start, axes: Self.axes, images: 512)
        var count = 0
        search.run { candidate, _ in
            guard count < most else { return nil }
            count += 1
            return distance(candidate)
        }
        #expect(count <= most)
        #expect(distance(search.best) <= distance(Self.start))
        if most >= 3 { #expect(search.best != Self.start) }
    }

    @Test func fewImagesAreOneRound() {
        #expect(TuningSearch(from: Self.start, axes: Self.axes, images: 16).rounds == [16])
        #expect(TuningSearch(from: Self.start, axes: Self.axes, images: 100).rounds == [32, 50, 100])
    }

    @Test func optionsChangeOneSetting() {
        var lists = Self.start
        (lists.guidance, lists.times) = ([1.5, 3, 2], [0.1, 0.3, 0.7, 0.9])
        let single = TuningOption.guidance(2).applied(to: lists)
        #expect(single.guidance == [2] && single.times == [0.1, 0.9])
        let interval = TuningOption.interval(0, 0.5).applied(to: lists)
        #expect(interval.guidance == [3] && interval.times == [0, 0.5])
        #expect(TuningOption.steps(7).applied(to: lists).steps == 7)
        #expect(TuningOption.shift(2).applied(to: lists).description.contains("shift 2.0"))
        #expect(lists.description.contains("guidance 1.5,3.0,2.0 in 0.1,0.3,0.7,0.9"))
    }

    @Test func evaluationsCountWhatGuidanceCosts() {
        func count(_ sampler: Sampler, _ scale: Float, _ low: Float, _ high: Float) -> Int {
            let settings = SamplingSettings(
                sampler: sampler, steps: 10, guidance: Guidance(scale: scale, lowerTime: low, upperTime: high))
            return TuningCandidate(length: nil, settings).evaluations
        }
        #expect(count(.euler, 1, 0, 1) == 10 && count(.heunExact, 1, 0, 1) == 20)
        // At the times 0.4 and 0.5, strictly between the bounds.
        #expect(count(.euler, 2, 0.35, 0.55) == 12)
    }

    @Test func theBudgetHoldsTheFinalComparisonBack() {
        var budget = TuningBudget(seconds: 1000)
        #expect(budget.allows(Self.start, images: 1 << 20, reserving: (Self.start, 1 << 20)))
        budget.add(Self.start, images: 100, took: 100)
        // A second for each image, with some caution; the final comparison of 100 images takes 230.
        #expect(budget.allows(Self.start, images: 600, reserving: (Self.start, 100)))
        #expect(!budget.allows(Self.start, images: 700, reserving: (Self.start, 100)))
        // It keeps at most two fifths.
        #expect(budget.allows(Self.start, images: 500, reserving: (Self.start, 1 << 20)))
        #expect(budget.finalImages(Self.start, Self.start, most: 400) == 400)
        #expect(budget.finalImages(Self.start, Self.start, most: 1600) == 400)
        #expect(budget.finalImages(Self.start, Self.start, most: 20) == 20)
        #expect(TuningBudget(seconds: 0).finalImages(Self.start, Self.start, most: 64) == nil)
    }

    @Test func theRankingTakesTheLargestNumberOfImages() {
        let conditions = TuningRecord.Conditions(
            program: "", step: 1, weights: "", measure: "swd", reference: "", referenceImages: nil, features: nil,
            precision: "fp32", seed: 0)
        var record = TuningRecord(conditions)
        func add(_ scale: Float, _ images: Int, _ value: Double) {
            record.results.append(
                TuningRecord.Result(
                    settings: TuningOption.guidance(scale).applied(to: Self.start), images: images, firstSeed: 0,
                    value: value, floor: nil, deviation: nil))
        }
        add(1, 32, 1)
        add(2, 32, 5)
        add(3, 32, 4)
        add(2, 64, 3)
        add(3, 64, 9)
        #expect(record.ranking().map { $0.settings.guidance } == [[2], [3], [1]])
    }
}
