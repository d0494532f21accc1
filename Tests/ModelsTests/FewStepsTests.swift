import PixNerdCheckpoints
import PixNerdLayers
import PixNerdModels
import PixNerdOptimization
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Testing

@testable import PixNerdDiffusion

/// Losses of models of few steps, against PyTorch (`Tests/Fixtures/recipes/steps.safetensors`).
@Suite struct FewStepsTests {
    private let file: SafetensorsFile
    private let model: PixNerd
    private let (times, ends): ([Float], [Float])
    private let (x, noise): (Tensor, Tensor)
    private let condition: ClassCondition

    init() throws {
        file = try Fixtures.recipe("steps")
        model = try PixNerd(loading: TensorSubset(file, prefix: "model."))
        (times, ends) = (try file.tensor("t").values, try file.tensor("q").values)
        (x, noise) = (try file.tensor("x"), try file.tensor("noise"))
        condition = ClassCondition(try file.integers("y"))
    }

    private var point: Tensor { FlowPath.point(data: x, noise: noise, times: times) }
    private var velocity: Tensor { FlowPath.velocity(data: x, noise: noise) }
    private var intervals: IntervalBatch { IntervalBatch(point, from: times, to: ends, condition: condition) }

    private static let difference = Tolerance(
        relative: 1e-3,
        because: "a difference of velocities over 2 times 0.002 for a derivative: their rounding, 1e-6, and its bends")

    @Test func aDifferenceIsTheDerivative() throws {
        let wide = model.meanVelocitySlope(intervals, along: velocity, step: 0.005)
        expectClose(
            wide, try file.tensor("difference.2.0.005"),
            Tolerance(relative: 1e-3, because: "rounding of velocities, 1e-6, over 2 times 0.005"))
        let slope = try file.tensor("slope")
        expectClose(model.meanVelocitySlope(intervals, along: velocity, step: 0.002), slope, Self.difference)
        // The error falls with the square of the step, until rounding is larger.
        let errors = [0.04, 0.02].map { step in
            relativeError(model.meanVelocitySlope(intervals, along: velocity, step: step).values, slope.values)
        }
        #expect((3...5).contains(errors[0] / errors[1]), "\(errors)")
    }

    /// A lesson, the numbers that the student is told, and the prediction of its network.
    private func lesson(
        _ kind: String
    ) throws -> (lesson: Lesson, numbers: ModelNumbers, prediction: Prediction) {
        let told = ModelNumbers(interval: intervals.lengths)
        func meanFlow(_ prediction: Prediction, isImproved: Bool) -> (Lesson, ModelNumbers, Prediction) {
            let target = FewSteps.meanFlowVelocity(
                of: model.predicting(prediction), intervals, velocity: velocity, isImproved: isImproved)
            return (Lesson(velocity: target, isAdaptive: true), told, prediction)
        }
        switch kind {
        case "meanflow": return meanFlow(Prediction(), isImproved: false)
        case "improved": return meanFlow(Prediction(), isImproved: true)
        case "picture": return meanFlow(Prediction(.picture), isImproved: true)
        case "split":
            let target = FewSteps.splitVelocity(
                of: model, intervals, velocity: velocity, shares: try file.tensor("share").values)
            return (Lesson(velocity: target), told, Prediction())
        default:
            let scales = try file.tensor("strength").values
            let target = FewSteps.guidedVelocity(
                of: model, point, times: times, condition: condition, scales: scales)
            return (Lesson(velocity: target), ModelNumbers(strength: scales), Prediction())
        }
    }

    @Test(arguments: ["meanflow", "improved", "picture", "split", "distill"])
    func lossesAndGradientsAreThoseOfTheStatements(kind: String) throws {
        let (lesson, numbers, prediction) = try lesson(kind)
        let batch = TrainingBatch(
            data: x, noise: noise, times: times, condition: condition.telling(numbers), lesson: lesson)
        let objective = TrainingObjective(prediction: prediction)
        let isExact = kind == "split" || kind == "distill"
        let tolerance = isExact ? Tolerance.network : Self.difference
        let loss = withGradient(upstream: Tensor([1], shape: [1])) { objective.loss(model, batch).mean }
        expectClose(loss, try file.tensor("loss.\(kind)").reshaped([1]), tolerance)
        let prefix = "gradient.\(kind)."
        let names = file.names.filter { $0.hasPrefix(prefix) }
        #expect(names.count >= 6)
        for name in names {
            let parameter = try #require(model.parameters.first { prefix + $0.name == name })
            expectClose(try #require(parameter.gradient), try file.tensor(name), tolerance, name)
        }
    }

    @Test func theMeanOfAnIntervalIsThatOfItsParts() throws {
        let target = FewSteps.splitVelocity(
            of: model, intervals, velocity: model.meanVelocity(point, at: times, to: times, condition),
            shares: try file.tensor("share").values)
        expectClose(target, try file.tensor("split.target"), .network)
    }

    /// The loss of an adaptive lesson is 1 whatever happens, and what is logged is the error as it is.
    @Test func whatIsLoggedOfAnAdaptiveLessonIsTheError() {
        let given = Parameter(
            name: "given", value: Tensor.normal([3, 1, 4, 4]) { _ in RandomStream(seed: 1, purpose: .test) })
        let wanted = Tensor(zeros: [3, 1, 4, 4])
        let (plain, adaptive) = (Lesson(velocity: wanted), Lesson(velocity: wanted, isAdaptive: true))
        #expect(plain.loss(given.value).pictures == adaptive.loss(given.value).pictures)
        #expect(abs(adaptive.loss(given.value).mean.scalar - 1) < 2e-3)
        expectDerivative([given]) { plain.loss(given.tensor).mean }
        given.clearGradient()
        // The divisor is held constant, so the derivative is that of the sum of squares, divided.
        withGradient { adaptive.loss(given.tensor).mean }
        let sums = plain.loss(given.value).pictures.map { 16 * $0 }
        let expected = Tensor.combination(
            sums.map { 2 / 3 / ($0 + 0.01) }, given.value, [0, 0, 0], given.value)
        if let gradient = given.gradient { expectClose(gradient, expected) } else { Issue.record("no gradient") }
    }

    /// With a scale of 1 a teacher is asked once, and its own velocity is what the student learns.
    @Test func withoutGuidanceAStudentLearnsItsTeacher() {
        let scales: [Float] = [1, 3, 1, 1]
        let target = FewSteps.guidedVelocity(of: model, point, times: times, condition: condition, scales: scales)
        let own = model.velocity(point, times: times, condition: condition)
        let without = model.velocity(point, times: times, condition: condition.unconditional)
        for image in 0..<4 {
            let rows = image..<image + 1
            let expected = Tensor.combination(1 - scales[image], without.rows(rows), scales[image], own.rows(rows))
            expectClose(target.rows(rows), expected, .network, "\(image)")
        }
    }

    /// Along a flow whose velocity does not change all means are the velocity.
    @Test func aStraightFlowStaysAsItIs() {
        let flow = StraightFlow(velocity: 0.5)
        let constant = Tensor(repeating: 0.5, shape: x.shape)
        for target in [
            FewSteps.splitVelocity(of: flow, intervals, velocity: constant, shares: [0.2, 0.5, 0.7, 1]),
            FewSteps.meanFlowVelocity(of: flow, intervals, velocity: constant, isImproved: false),
            FewSteps.meanFlowVelocity(of: flow, intervals, velocity: constant, isImproved: true),
        ] {
            expectClose(target, constant)
        }
    }
}

private struct StraightFlow: Denoiser {
    let velocity: Float
    let channels = 3
    let sizeMultiple: ImageSize = 1
    let parameters: [Parameter] = []

    func velocity(_ x: Tensor, times: [Float], condition: any Condition) -> Tensor {
        Tensor(repeating: velocity, shape: x.shape)
    }
}
