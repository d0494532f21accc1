import Foundation
import PixNerdImages
import PixNerdTensors
import PixNerdTestSupport
import Testing

@testable import PixNerdTraining

/// Which images are held out, and what of them is measured at which times.
@Suite struct HoldoutChoiceTests {
    /// A collection with some images of each class, which need not exist.
    private func collection(_ counts: [Int], root: String = "root", reversed: Bool = false) -> ImageCollection {
        let samples = counts.enumerated().flatMap { label, count in
            (0..<count).map { ImageCollection.Sample(path: "\(root)/\(label)/\($0).png", label: label) }
        }
        return ImageCollection(
            root: root, classes: counts.indices.map { "class \($0)" },
            samples: reversed ? samples.reversed() : samples)
    }

    private func holdout(
        _ collection: ImageCollection, share: Float, seed: UInt64 = 3
    ) throws -> Holdout {
        var configuration = Configuration()
        configuration.data.holdout = share
        configuration.seed = seed
        return try Holdout(configuration, collection) { _ in collection }
    }

    private func names(_ holdout: Holdout) -> [String] {
        holdout.places.map { holdout.all.shortName(holdout.all.samples[$0]) }.sorted()
    }

    @Test func theShareIsAFunctionOfSeedAndNames() throws {
        let counts = [30, 50, 20]
        let one = try names(holdout(collection(counts), share: 0.1))
        #expect(one.count == 10)
        #expect(try names(holdout(collection(counts, reversed: true), share: 0.1)) == one)
        #expect(try names(holdout(collection(counts, root: "other/place/"), share: 0.1)) == one)
        #expect(try names(holdout(collection(counts), share: 0.1, seed: 4)) != one)
        // Shards are named without their folder.
        func shards(_ folder: String) -> ImageCollection {
            let samples = (0..<40).map { number in
                ImageCollection.Sample(
                    path: "\(folder)/shard-\(number / 20).tar", entry: "\(number).png", range: 0..<1, label: number % 2)
            }
            return ImageCollection(root: "\(folder)/shard-{0..1}.tar", classes: ["a", "b"], samples: samples)
        }
        let sharded = try names(holdout(shards("here"), share: 0.1))
        #expect(sharded.count == 4 && sharded.allSatisfy { $0.hasPrefix("shard-") })
        #expect(try names(holdout(shards("/some/where"), share: 0.1)) == sharded)
        // A larger share holds the smaller one.
        #expect(try Set(names(holdout(collection(counts), share: 0.3))).isSuperset(of: one))
    }

    /// A share, numbers of images by class, and how many of each are held out.
    private static let shares: [(Float, [Int], [Int])] = [
        (0.1, [30, 50, 20], [3, 5, 2]), (0.001, [30, 50, 20], [0, 1, 0]), (0.5, [1, 1, 4], [0, 0, 3]),
        (0.25, [8, 8, 8, 8], [2, 2, 2, 2]), (0.5, [2, 3], [1, 2]),
    ]

    @Test(arguments: shares)
    func classesGiveInProportionAndKeepOne(share: Float, counts: [Int], expected: [Int]) throws {
        let holdout = try holdout(collection(counts), share: share)
        var found = [Int](repeating: 0, count: counts.count)
        for place in holdout.places { found[holdout.all.samples[place].label] += 1 }
        #expect(found == expected)
        let trained = try #require(holdout.trainedPlaces)
        #expect(Set(trained).isDisjoint(with: holdout.places))
        #expect(trained.count + holdout.places.count == holdout.all.samples.count)
        #expect(holdout.trained.samples == trained.map { holdout.all.samples[$0] })
    }

    @Test func tooFewImagesAreRefused() throws {
        expectSentence(
            sentence { _ = try holdout(collection([1, 1]), share: 0.5) },
            naming: ["data.holdout", "no class", "more than one image"])
    }

    /// Every bin of the loss by time is measured as often as the others, and weighs as much as it is drawn.
    @Test func timesAreStratified() throws {
        let drawn = (0..<HoldoutPlan.draws).map { index in
            var stream = RandomStream(seed: 1, purpose: .test, index: index)
            return 1 / (1 + exp(-stream.nextNormalPair().0))
        }
        let plan = HoldoutPlan(
            heldOut: Array(0..<7), seen: Array(10..<17), names: [], weighing: "", count: 60, drawn: drawn)
        #expect(plan.times.count == 60 && plan.times == plan.times.sorted())
        var counts = [Int](repeating: 0, count: 10)
        var weights = [Double](repeating: 0, count: 10)
        for (time, weight) in zip(plan.times, plan.weights) {
            counts[Int(time * 10)] += 1
            weights[Int(time * 10)] += weight
        }
        #expect(counts == [Int](repeating: 6, count: 10))
        // The normal distribution function at the bins' borders, by scipy; a share of 16384 draws deviates by 0.004.
        let expected = [0.0140, 0.0689, 0.1156, 0.1440, 0.1574]
        for (bin, weight) in weights.enumerated() {
            #expect(abs(weight - expected[min(bin, 9 - bin)]) < 0.012, "bin \(bin): \(weight)")
        }
        // The weighted mean of the times is that of training, which is 1/2.
        let mean = zip(plan.times, plan.weights).reduce(0) { $0 + Double($1.0) * $1.1 }
        #expect(abs(mean - 0.5) < 0.01)
        // Each image has early and late times.
        for image in 0..<7 {
            let own = (0..<60).filter { plan.image(of: $0) == image }.map { plan.times[$0] }
            #expect(own.count >= 8 && own.min()! < 0.2 && own.max()! > 0.8)
        }
    }

    @Test func theMeanIsThatOfTheWeightedLosses() {
        let plan = HoldoutPlan(
            heldOut: [0, 1], seen: [2, 3], names: [], weighing: "", count: 4,
            drawn: [0.05, 0.05, 0.05, 0.55, 0.25, 0.25, 0.35, 0.35])
        // Four bins with 3, 2, 2 and 1 of 8 draws, and a measurement each.
        #expect(plan.times == [0.05, 0.25, 0.35, 0.55])
        #expect(plan.weights == [0.375, 0.25, 0.25, 0.125])
        let side = HoldoutLosses.Side([1, 2, 4, 8], plan)
        #expect(side.mean == 0.375 + 0.5 + 1 + 1)
        #expect(side.byTime == [1, nil, 2, 4, nil, 8, nil, nil, nil, nil])
        let plain = HoldoutPlan(heldOut: [0, 1], seen: [2, 3], names: [], weighing: "", count: 3, drawn: nil)
        let errors = HoldoutLosses.Side([3, 6, 3], plain)
        #expect(errors.mean == 4 && errors.byTime == nil)
    }
}
