import Foundation
import PixNerdTensors
import Testing

@testable import PixNerdTraining

/// The rule by which held-out and trained losses are said to part, on made-up curves.
@Suite struct HoldoutHistoryTests {
    private func plan(_ images: Int) -> HoldoutPlan {
        HoldoutPlan(
            heldOut: Array(0..<images), seen: Array(0..<images), names: ["\(images)"], weighing: "",
            count: max(40, images), drawn: (0..<100).map { (Float($0) + 0.5) / 100 })
    }

    /// Losses of images around two means. Each image and each time has its own level, which never changes, and some noise
    /// of its own in each evaluation.
    private func losses(
        _ heldOut: Double, _ seen: Double, images: Int = 100, noise: Double = 0.005, evaluation: Int = 0
    ) -> HoldoutLosses {
        let plan = plan(images)
        func side(_ mean: Double, _ number: Int) -> HoldoutLosses.Side {
            HoldoutLosses.Side(
                (0..<plan.count).map { place in
                    let image = plan.image(of: place)
                    var level = RandomStream(seed: 1, purpose: .test, step: number, index: image)
                    var own = RandomStream(seed: 2, purpose: .test, step: 2 * evaluation + number, index: image)
                    let fixed = 0.3 * (Double(level.nextUniform()) + Double(plan.times[place]))
                    return Float(mean + fixed + noise * Double(own.nextNormalPair().0))
                }, plan)
        }
        return HoldoutLosses(heldOut: side(heldOut, 0), seen: side(seen, 1))
    }

    private typealias Point = (heldOut: Double, seen: Double)

    /// Evaluations along a line that begins beside a point.
    private func line(_ count: Int, from point: Point, by slope: Point) -> [Point] {
        (1...count).map { step -> Point in
            (point.heldOut + Double(step) * slope.heldOut, point.seen + Double(step) * slope.seen)
        }
    }

    /// The steps at which it is said that curves part.
    private func said(_ curve: [Point], images: Int = 100, noise: Double = 0.005) -> [Int] {
        var history = HoldoutHistory(images: "")
        return curve.enumerated().compactMap { place, now in
            history.add(
                losses(now.heldOut, now.seen, images: images, noise: noise, evaluation: place), step: place,
                plan: plan(images)
            ).map { _ in place }
        }
    }

    @Test func aRisingLossIsSaidOnceInItsThirdEvaluation() {
        let falls = line(5, from: (1.05, 1.06), by: (-0.05, -0.06))
        let rises = line(6, from: (0.8, 0.76), by: (0.03, -0.05))
        #expect(said(falls + rises) == [7])
        // After a new lowest loss it is said again.
        #expect(said(falls + rises + [(0.7, 0.7)] + rises) == [7, 14])
        // Two evaluations are not enough, nor three with one in between that is not apart.
        #expect(said(falls + rises.prefix(2)) == [])
        #expect(said(falls + rises.prefix(2) + falls.suffix(1) + rises.prefix(2)) == [])
    }

    @Test func theSentenceHasBothLossesAndTheStep() throws {
        var history = HoldoutHistory(images: "")
        var partings: [HoldoutHistory.Parting] = []
        for (step, now) in [(1.0, 1.0), (0.8, 0.8), (0.9, 0.7), (0.9, 0.6), (0.92, 0.5)].enumerated() {
            let losses = losses(now.0, now.1, noise: 1e-9)
            if let parting = history.add(losses, step: 100 * step, plan: plan(100)) { partings.append(parting) }
        }
        let parting = try #require(partings.first)
        #expect(partings.count == 1 && parting.lowestStep == 100)
        // The levels of images and times add about 0.3 to each loss.
        let level = parting.lowest.heldOut - 0.8
        #expect(
            abs(parting.now.heldOut - 0.92 - level) < 1e-6 && abs(parting.lowest.seen - parting.now.seen - 0.3) < 1e-6)
        let text = parting.text(step: 400)
        for part in [
            "at step 400", "at step 100", "data.augment", "model.dropout", "more images",
            "is \(fourDigits(parting.now.heldOut))", "\(fourDigits(parting.lowest.heldOut)) at step",
            "went from \(fourDigits(parting.lowest.seen)) to \(fourDigits(parting.now.seen))",
        ] {
            #expect(text.contains(part), "\(part) in \(text)")
        }
    }

    private func fourDigits(_ value: Double) -> String { String(format: "%.4f", value) }

    /// Noise of the weights moves all images alike, and that of images moves each one by itself.
    @Test(arguments: [3, 5, 20, 256])
    func noiseAloneIsNotSaid(images: Int) {
        for seed in 0..<40 {
            var stream = RandomStream(seed: UInt64(seed), purpose: .test)
            // A plateau: held-out and trained losses go up and down together by up to 3 %.
            let plateau = (0..<60).map { _ -> Point in
                let common = 0.03 * Double(stream.nextUniform())
                return (1 + common, 0.95 + common)
            }
            #expect(said(plateau, images: images, noise: 0.05) == [], "seed \(seed)")
        }
    }

    @Test func risesThatAreSmallOrSharedAreNotSaid() {
        // By half a percent, however certain.
        #expect(said([(1, 1)] + line(9, from: (1.005, 0.9), by: (0, 0)), noise: 1e-6) == [])
        // A training that goes wrong raises both.
        #expect(said(line(9, from: (1, 1), by: (0.1, 0.1))) == [])
        // One or two images say too little about others.
        let rise = line(9, from: (1, 1), by: (0.1, 0))
        #expect(said(rise, images: 1) == [] && said(rise, images: 2, noise: 0) == [])
        #expect(said(rise, images: 3, noise: 0) == [3])
    }

    @Test func lossesOfAnotherPlanAreForgotten() {
        var history = HoldoutHistory(images: "")
        #expect(history.add(losses(0.5, 0.5, images: 99), step: 1, plan: plan(99)) == nil)
        for step in 2..<10 { #expect(history.add(losses(0.9, 0.5), step: step, plan: plan(100)) == nil) }
        #expect((history.lowestStep ?? 0) >= 2)
    }

    /// The error is that of means over images, found by drawing other images, and knows nothing of what differs by time.
    @Test(arguments: [(50, 50), (10, 60)])
    func theErrorIsThatOfOtherImages(images: Int, count: Int) throws {
        let plan = HoldoutPlan(
            heldOut: Array(0..<images), seen: Array(0..<images), names: [], weighing: "", count: count,
            drawn: (0..<1000).map { powf((Float($0) + 0.5) / 1000, 2) })
        func numbers(_ seed: Int) -> [Double] {
            (0..<count).map { place in
                var image = RandomStream(seed: 3, purpose: .test, step: seed, index: plan.image(of: place))
                var own = RandomStream(seed: 4, purpose: .test, step: seed, index: place)
                return 5 * Double(plan.times[place]) + Double(image.nextNormalPair().0)
                    + 0.5 * Double(own.nextNormalPair().0)
            }
        }
        let (means, errors) = (
            (0..<2000).map { plan.mean(numbers($0)) }, (0..<2000).map { plan.errorOfMean(numbers($0))! }
        )
        let mean = means.reduce(0, +) / 2000
        let deviation = (means.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 1999).squareRoot()
        let estimated = (errors.reduce(0) { $0 + $1 * $1 } / 2000).squareRoot()
        // Of 2000 draws a standard deviation is off by 2 %. Bins of few images take a part of what differs between them.
        #expect(abs(estimated / deviation - 1) < 0.1, "\(estimated), \(deviation)")
    }

    /// Quantiles of Student's distribution as rare as three standard deviations of the normal one, by scipy.
    @Test(arguments: [(3, 19.206), (4, 9.219), (6, 5.507), (11, 3.957), (31, 3.270), (257, 3.029)])
    func fewImagesNeedMoreErrors(images: Int, quantile: Double) {
        // Wallace's approximation is off by up to 15 % for two degrees of freedom.
        #expect(abs(HoldoutHistory.errors(ofImages: images) / quantile - 1) < (images < 6 ? 0.15 : 0.02))
    }
}
