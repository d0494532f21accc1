import Foundation

/// What a run remembers of its held-out images: which they are, and when their loss was lowest. It decides when that loss
/// parts from that of the images that are trained on.
public struct HoldoutHistory: Codable, Sendable, Equatable {
    /// Fingerprint of the names of all held-out images.
    let images: String
    /// Fingerprint of what the losses below are measured on.
    private var plan = ""
    /// The step of the lowest loss; nil before the first evaluation.
    private(set) var lowestStep: Int?
    /// The lowest held-out losses, one for each measurement.
    private var heldOut: [Float] = []
    /// The losses of the images that are trained on at the same step.
    private var seen: [Float] = []
    /// Number of evaluations in a row that were apart; at most as many as it takes to say so.
    private var apart = 0

    enum CodingKeys: String, CodingKey {
        case images, plan, seen, apart
        case lowestStep = "lowest_step"
        case heldOut = "held_out"
    }

    init(images: String) { self.images = images }

    /// Standard errors by which the held-out loss must have risen, of many images.
    static let errors = 3.0
    /// The part of its lowest value by which the held-out loss must have risen.
    static let leastRise = 0.01
    /// Number of evaluations in a row that must be apart.
    static let evaluations = 3

    /// How far the losses have parted since the lowest held-out loss.
    struct Parting: Equatable {
        let lowestStep: Int
        /// The lowest held-out loss, and that of the images that are trained on at the same step.
        let lowest: (heldOut: Double, seen: Double)
        /// The losses now.
        let now: (heldOut: Double, seen: Double)

        static func == (one: Parting, other: Parting) -> Bool {
            one.lowestStep == other.lowestStep && one.lowest == other.lowest && one.now == other.now
        }
    }

    /// Takes in an evaluation.
    ///
    /// An evaluation is apart if the held-out loss is above its lowest value by at least 1 % and by more than 3 standard
    /// errors (more of few images), and its distance from the loss of the images that are trained on has grown by more than
    /// 3 standard errors. The errors are those of differences image by image, whose noise and times never change.
    ///
    /// - Parameter plan: what was measured. Losses of another plan are forgotten.
    /// - Returns: how far the losses have parted, for the third evaluation in a row that is apart; nil for all others, so
    ///   that it is said once, until there is a new lowest loss.
    mutating func add(_ losses: HoldoutLosses, step: Int, plan: HoldoutPlan) -> Parting? {
        let (held, trained) = (losses.heldOut, losses.seen)
        guard plan.fingerprint == self.plan, let lowestStep, heldOut.count == plan.count, seen.count == plan.count
        else {
            self.plan = plan.fingerprint
            setLowest(losses, step)
            return nil
        }
        let rises = zip(held.losses, heldOut).map { Double($0) - Double($1) }
        guard plan.mean(rises) > 0 else {
            setLowest(losses, step)
            return nil
        }
        guard apart < Self.evaluations else { return nil }
        let partings = zip(rises, zip(trained.losses, seen)).map { $0 - (Double($1.0) - Double($1.1)) }
        let lowest = HoldoutLosses(heldOut: .init(heldOut, plan), seen: .init(seen, plan))
        let isApart =
            plan.mean(rises) >= Self.leastRise * lowest.heldOut.mean && Self.isCertain(rises, plan)
            && Self.isCertain(partings, plan)
        apart = isApart ? apart + 1 : 0
        guard apart == Self.evaluations else { return nil }
        return Parting(
            lowestStep: lowestStep, lowest: (lowest.heldOut.mean, lowest.seen.mean), now: (held.mean, trained.mean))
    }

    private mutating func setLowest(_ losses: HoldoutLosses, _ step: Int) {
        (lowestStep, apart) = (step, 0)
        (heldOut, seen) = (losses.heldOut.losses, losses.seen.losses)
    }

    /// Whether a mean is positive by more standard errors than chance explains. One or two images say too little about
    /// others.
    private static func isCertain(_ numbers: [Double], _ plan: HoldoutPlan) -> Bool {
        guard plan.heldOut.count > 2, let error = plan.errorOfMean(numbers) else { return false }
        return plan.mean(numbers) > errors(ofImages: plan.heldOut.count) * error
    }

    /// The number of standard errors that is as rare for some images as 3 are for many: the quantile of Student's
    /// distribution in the approximation of Wallace (Annals of Mathematical Statistics 30, 1959).
    static func errors(ofImages count: Int) -> Double {
        let free = Double(count - 1)
        let width = free - 2.0 / 3 + 1 / (10 * free)
        return (free * (exp(errors * errors * (free - 5.0 / 6) / (width * width)) - 1)).squareRoot()
    }
}
