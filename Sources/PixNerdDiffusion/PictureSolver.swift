import Foundation
import PixNerdTensors

/// The multistep samplers in terms of predicted data m = x + (1 - t) v.
///
/// With l = log(t / (1 - t)), a step from t to t' is exactly x' = a x + (t' - a t) M, where a = (1 - t') / (1 - t) and M is
/// the mean of m over the step with the weight e^l. A polynomial through the last predictions takes the place of m; a
/// corrector repeats the step with the prediction at its end among them.
struct PictureSolver: Solver {
    private let order: Int
    private let corrects: Bool
    private let times: [Double]
    private let lowersLastStep: Bool
    /// The last predictions, the newest first.
    private var predictions: [Tensor] = []
    /// Data at the start of the step before.
    private var before: Tensor?

    /// - Parameters:
    ///   - order: number of predictions that a step uses.
    ///   - corrects: whether each step is repeated once the prediction at its end is known.
    ///   - times: bounds of the steps, ascending.
    ///   - lowersLastStep: whether the order is lowered in the last steps.
    init(order: Int, corrects: Bool, times: [Float], lowersLastStep: Bool = true) {
        precondition(order > 0, "PictureSolver: order \(order)")
        (self.order, self.corrects, self.times) = (order, corrects, times.map(Double.init))
        self.lowersLastStep = lowersLastStep
    }

    mutating func step(
        _ step: Int, from x: Tensor, _ flow: GuidedFlow<some Denoiser>, noise: () -> Tensor
    ) -> (x: Tensor, predicted: () -> Tensor) {
        let now = Float(times[step])
        // The prediction from the x before its correction is kept, which saves an evaluation.
        let prediction = flow.predicted(flow.velocity(x, at: now), from: x, at: now)
        predictions.insert(prediction, at: 0)
        var start = x
        if corrects, let before, let weights = correctorWeights(times, step: step - 1, order: order) {
            start = weights.applied(to: before, predictions)
        }
        predictions = Array(predictions.prefix(order))
        before = start
        let end = predictorWeights(times, step: step, order: order, lowersLastStep: lowersLastStep).applied(
            to: start, predictions)
        return (end, { prediction })
    }
}

/// The weights of a step in terms of predicted data.
struct PictureWeights {
    /// Factor of the data at the start of the step.
    let start: Double
    /// Factors of the predictions, the newest first.
    let predictions: [Double]

    /// - Parameters:
    ///   - places: places of the predictions, the newest first: 0 is the start of the step and 1 its end.
    ///   - length: length of the step in l = log(t / (1 - t)); may be infinite for a single prediction.
    fileprivate init(from now: Double, to next: Double, places: [Double], length: Double) {
        start = now < 1 ? (1 - next) / (1 - now) : 0
        let total = next - now * start
        guard places.count > 1 else {
            predictions = [total]
            return
        }
        // For a line, both papers take the middle of the step, not its mean.
        let moments = places.count == 2 ? [1, 0.5] : places.indices.map { weightedMean(ofPower: $0, length: length) }
        predictions = places.indices.map { index in
            total * zip(lagrangeCoefficients(places, index), moments).reduce(0) { $0 + $1.0 * $1.1 }
        }
    }

    fileprivate func applied(to x: Tensor, _ predictions: [Tensor]) -> Tensor {
        zip(self.predictions, predictions).dropFirst().reduce(
            Tensor.combination(Float(start), x, Float(self.predictions[0]), predictions[0])
        ) { Tensor.combination(1, $0, Float($1.0), $1.1) }
    }
}

/// The weights of a step from time `step` to the next.
///
/// The order is lower where there are fewer predictions, in the last steps (3, 2, 1), and in steps that begin or end where
/// l is infinite, t = 0 and t = 1.
///
/// - Parameters:
///   - times: bounds of the steps, ascending.
///   - order: number of predictions used at most.
///   - lowersLastStep: whether the order is lowered in the last steps.
func predictorWeights(_ times: [Double], step: Int, order: Int, lowersLastStep: Bool = true) -> PictureWeights {
    let length = logRatio(times[step + 1]) - logRatio(times[step])
    let places = pastPlaces(times, step: step, order: order, lowersLastStep: lowersLastStep)
    return PictureWeights(from: times[step], to: times[step + 1], places: [0] + places, length: length)
}

/// The weights that repeat a step with the prediction at its end, which comes first; nil for steps that begin at t = 0 or
/// end at t = 1.
///
/// - Parameters:
///   - times: bounds of the steps, ascending to 1.
///   - order: number of earlier predictions used at most.
func correctorWeights(_ times: [Double], step: Int, order: Int) -> PictureWeights? {
    let length = logRatio(times[step + 1]) - logRatio(times[step])
    guard length.isFinite, length > 0 else { return nil }
    return PictureWeights(
        from: times[step], to: times[step + 1], places: [1, 0] + pastPlaces(times, step: step, order: order),
        length: length)
}

/// The places of earlier predictions relative to a step: negative, the newest first.
private func pastPlaces(_ times: [Double], step: Int, order: Int, lowersLastStep: Bool = true) -> [Double] {
    let start = logRatio(times[step])
    let length = logRatio(times[step + 1]) - start
    guard length.isFinite, length > 0 else { return [] }
    var places: [Double] = []
    let most = lowersLastStep ? min(order - 1, times.count - 2 - step) : order - 1
    for time in times[..<step].reversed().prefix(max(0, most)) {
        let place = (logRatio(time) - start) / length
        // Times that float32 cannot tell apart have one prediction.
        guard place.isFinite, place < places.last ?? 0 else { break }
        places.append(place)
    }
    return places
}

/// log(t / (1 - t)).
private func logRatio(_ time: Double) -> Double { log(time) - log1p(-time) }

/// The mean of s^power over [0, 1] with the weight e^(length s), as a quotient of two series of positive terms, which lose
/// no digits for short steps.
private func weightedMean(ofPower power: Int, length: Double) -> Double {
    var (term, above, below) = (1.0, 0.0, 0.0)
    var index = 0.0
    repeat {
        above += term / (index + Double(power) + 1)
        below += term / (index + 1)
        index += 1
        term *= length / index
    } while term > 1e-17 * below
    return above / below
}
