import Foundation

/// The losses of one evaluation: of held-out images and of as many that are trained on.
struct HoldoutLosses {
    /// What is measured of one kind of images.
    struct Side {
        /// The loss of each measurement of the plan.
        let losses: [Float]
        /// The mean, weighted as training draws the times.
        let mean: Double
        /// The mean in each tenth of the times, from noise to data; nil for a model without times.
        let byTime: [Double?]?

        init(_ losses: [Float], _ plan: HoldoutPlan) {
            self.losses = losses
            mean = plan.mean(losses.map { Double($0) })
            guard !plan.times.isEmpty else {
                byTime = nil
                return
            }
            var bins = LossByTime()
            bins.add(times: plan.times, losses: losses)
            byTime = bins.means
        }
    }

    let heldOut: Side
    let seen: Side

    var isFinite: Bool { heldOut.mean.isFinite && seen.mean.isFinite }
}

extension HoldoutPlan {
    /// The weighted mean of numbers, one for each measurement.
    func mean(_ numbers: [Double]) -> Double {
        precondition(numbers.count == count, "HoldoutPlan: \(numbers.count) numbers for \(count) measurements")
        return zip(numbers, weights).reduce(0) { $0 + $1.0 * $1.1 }
    }

    /// The standard error of that mean over other choices of images: measurements of an image belong together, and what
    /// differs between the times is no error, since the times are the same ones in each evaluation.
    ///
    /// - Returns: nil for too few images or measurements.
    func errorOfMean(_ numbers: [Double]) -> Double? {
        let bins = times.isEmpty ? [Int](repeating: 0, count: count) : times.map(LossByTime.bin(of:))
        var (sums, counts) = (
            [Double](repeating: 0, count: LossByTime.bins), [Int](repeating: 0, count: LossByTime.bins)
        )
        for (bin, number) in zip(bins, numbers) {
            sums[bin] += number
            counts[bin] += 1
        }
        let (images, used) = (Double(heldOut.count), counts.count { $0 > 0 })
        guard images > 1, count > used else { return nil }
        var parts = [Double](repeating: 0, count: heldOut.count)
        for (place, number) in numbers.enumerated() {
            let bin = bins[place]
            parts[image(of: place)] += weights[place] * (number - sums[bin] / Double(counts[bin]))
        }
        // Of each bin one degree of freedom went into its mean.
        let factor = images / (images - 1) * Double(count) / Double(count - used)
        return (factor * parts.reduce(0) { $0 + $1 * $1 }).squareRoot()
    }
}
