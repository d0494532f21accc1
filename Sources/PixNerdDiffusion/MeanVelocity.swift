import PixNerdTensors

/// Points of the path, the conditions there, and the times until which mean velocities are asked for.
///
/// The mean velocity w from t to q takes a point to x + (q - t) w. A model that is told the length of the interval gives
/// it; for q = t it is the velocity.
public struct IntervalBatch: Sendable {
    /// The points, [B, C, H, W].
    public let x: Tensor
    /// B times t.
    public let starts: [Float]
    /// B times q.
    public let ends: [Float]
    /// B conditions, with all numbers that the model is told but the interval.
    public let condition: any Condition

    /// - Precondition: no interval ends before it starts.
    public init(_ x: Tensor, from starts: [Float], to ends: [Float], condition: any Condition) {
        precondition(
            x.shape[0] == starts.count && starts.count == ends.count && condition.count == ends.count
                && zip(starts, ends).allSatisfy { $0 <= $1 },
            "IntervalBatch: \(x.shape) from \(starts) to \(ends) with \(condition.count) conditions")
        (self.x, self.starts, self.ends, self.condition) = (x, starts, ends, condition)
    }

    /// The lengths q - t.
    public var lengths: [Float] { zip(starts, ends).map { $1 - $0 } }

    /// The places of the images whose intervals have a length.
    var long: [Int] { starts.indices.filter { ends[$0] > starts[$0] } }

    fileprivate func rows(at places: [Int]) -> IntervalBatch {
        IntervalBatch(
            x.rows(at: places), from: places.map { starts[$0] }, to: places.map { ends[$0] },
            condition: condition.rows(at: places))
    }
}

extension Denoiser {
    /// The mean velocities over intervals, of a model that is told their lengths.
    ///
    /// The ends may lie before the times.
    func meanVelocity(_ x: Tensor, at times: [Float], to ends: [Float], _ condition: any Condition) -> Tensor {
        velocity(
            x, times: times, condition: condition.telling(ModelNumbers(interval: zip(times, ends).map { $1 - $0 })))
    }

    /// The derivatives of mean velocities by time along tangents, with the ends of the intervals fixed, from a difference
    /// to both sides.
    ///
    /// Computed in float32: in bf16 the rounding of the velocities would be larger than their difference.
    ///
    /// - Parameter step: distance of the two times from the one between them.
    func meanVelocitySlope(_ batch: IntervalBatch, along tangent: Tensor, step: Float) -> Tensor {
        func moved(_ sign: Float) -> (x: Tensor, times: [Float]) {
            (Tensor.combination(1, batch.x, sign * step, tangent), batch.starts.map { $0 + sign * step })
        }
        let (ahead, behind) = (moved(1), moved(-1))
        let both = Precision.$current.withValue(.fp32) {
            meanVelocity(
                Tensor.concatenated([ahead.x, behind.x]), at: ahead.times + behind.times, to: batch.ends + batch.ends,
                batch.condition.joined(with: batch.condition))
        }
        let count = batch.starts.count
        return Tensor.combination(
            1 / (2 * step), both.rows(0..<count), -1 / (2 * step), both.rows(count..<2 * count))
    }
}

/// What models of few steps learn. Nothing of it is recorded on the tape of a step that is begun afterwards.
public enum FewSteps {
    /// The guided velocity of a teacher, which a student that is told the scale gives by itself (Meng et al., arXiv
    /// 2210.03142).
    ///
    /// - Parameters:
    ///   - teacher: a model that is trained with and without conditions.
    ///   - condition: B conditions, with the numbers that the teacher is told.
    ///   - scales: B guidance scales. Where one is 1 the teacher is evaluated once.
    public static func guidedVelocity(
        of teacher: any Denoiser, _ x: Tensor, times: [Float], condition: any Condition, scales: [Float]
    ) -> Tensor {
        let better = teacher.velocity(x, times: times, condition: condition)
        let places = scales.indices.filter { scales[$0] != 1 }
        guard !places.isEmpty else { return better }
        let worse = teacher.velocity(
            x.rows(at: places), times: places.map { times[$0] }, condition: condition.unconditional.rows(at: places))
        let chosen = places.map { scales[$0] }
        let guided = Tensor.combination(chosen.map { 1 - $0 }, worse, chosen, better.rows(at: places))
        return better.replacingRows(at: places, by: guided)
    }

    /// The mean velocities of which each is the mean of those of two parts of its interval, as the model gives them
    /// (SplitMeanFlow; arXiv 2507.16884).
    ///
    /// - Parameters:
    ///   - velocity: what images whose interval has no length learn, [B, C, H, W].
    ///   - shares: the share of each interval that its first part takes, B numbers from 0 to 1.
    public static func splitVelocity(
        of model: any Denoiser, _ batch: IntervalBatch, velocity: Tensor, shares: [Float]
    ) -> Tensor {
        batch.replacing(velocity) { part, places in
            let shares = places.map { shares[$0] }
            let middles = zip(zip(part.starts, part.lengths), shares).map { $0.0 + $1 * $0.1 }
            let first = model.meanVelocity(part.x, at: part.starts, to: middles, part.condition)
            let ones = [Float](repeating: 1, count: shares.count)
            let x = Tensor.combination(ones, part.x, zip(part.starts, middles).map { $1 - $0 }, first)
            let second = model.meanVelocity(x, at: middles, to: part.ends, part.condition)
            return Tensor.combination(shares, first, shares.map { 1 - $0 }, second)
        }
    }

    /// The mean velocities that follow from the velocity of the path and the slope of the model's own mean velocity
    /// (MeanFlow; Geng et al., arXiv 2505.13447).
    ///
    /// - Parameters:
    ///   - velocity: velocity x - e of the path, [B, C, H, W].
    ///   - isImproved: whether the slope is along the model's own velocity instead of that of the path (Geng et al., arXiv
    ///     2512.02012).
    ///   - step: distance in time of the evaluations that the slope is the difference of, from the point. Larger ones
    ///     miss more of its bends, smaller ones more of its digits.
    public static func meanFlowVelocity(
        of model: any Denoiser, _ batch: IntervalBatch, velocity: Tensor, isImproved: Bool, step: Float = 0.002
    ) -> Tensor {
        batch.replacing(velocity) { part, places in
            let own = velocity.rows(at: places)
            let tangent =
                isImproved ? model.meanVelocity(part.x, at: part.starts, to: part.starts, part.condition) : own
            let slope = model.meanVelocitySlope(part, along: tangent, step: step)
            return Tensor.combination([Float](repeating: 1, count: places.count), own, part.lengths, slope)
        }
    }
}

extension IntervalBatch {
    /// Velocities with those of the images whose intervals have a length computed anew.
    fileprivate func replacing(
        _ velocity: Tensor, _ compute: (_ part: IntervalBatch, _ places: [Int]) -> Tensor
    ) -> Tensor {
        let places = long
        guard !places.isEmpty else { return velocity }
        return velocity.replacingRows(at: places, by: compute(rows(at: places), places))
    }
}

extension Tensor {
    /// A copy of some rows along the first axis, in any order.
    fileprivate func rows(at places: [Int]) -> Tensor { Tensor.concatenated(places.map { rows($0..<$0 + 1) }) }

    /// A copy in which other rows stand at some places of the first axis.
    fileprivate func replacingRows(at places: [Int], by others: Tensor) -> Tensor {
        let index = Dictionary(uniqueKeysWithValues: zip(places, 0...))
        return Tensor.concatenated(
            (0..<shape[0]).map { row in
                index[row].map { others.rows($0..<$0 + 1) } ?? rows(row..<row + 1)
            })
    }
}
