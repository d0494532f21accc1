import Foundation
import PixNerdDiffusion
import PixNerdLayers
import PixNerdModels
import PixNerdSupport
import PixNerdTensors

/// What the images of a step teach a model of few steps.
struct FewStepLessons {
    private let configuration: Configuration
    /// The teacher, which gives velocity, and what it is told.
    private let teacher: (model: any Denoiser, numbers: [ModelNumber])?
    private let largestScale: Float

    private var method: Configuration.FewStepsSection.Method { configuration.fewSteps.method }

    /// - Returns: nil for a configuration of other models.
    /// - Throws: `PixNerdError` if the teacher cannot be read.
    init?(_ configuration: Configuration, _ teacher: Teacher?) throws {
        guard configuration.fewSteps.method != .none else { return nil }
        self.configuration = configuration
        self.teacher = try teacher.map { teacher in
            (model: try teacher.load().predicting(teacher.prediction), numbers: teacher.architecture.numbers)
        }
        largestScale = teacher?.largestScale ?? 1 + configuration.fewSteps.guidanceMax
    }

    /// Begins a student with the weights of the teacher, if there is one. What only the student is told adds nothing at
    /// first.
    func copyTeacher(to student: any Denoiser) {
        guard let teacher else { return }
        let own = Dictionary(uniqueKeysWithValues: teacher.model.parameters.map { ($0.name, $0.value) })
        for parameter in student.parameters {
            if let value = own[parameter.name] { parameter.value = value.copied() }
        }
    }

    /// A batch with the velocities that the model should give.
    ///
    /// - Parameters:
    ///   - model: the network that is trained.
    ///   - times: B times, one end of each interval.
    ///   - condition: B conditions, some of them dropped.
    ///   - isDropped: whether the condition of an image is dropped.
    ///   - later: draws the other end of an interval.
    func batch(
        _ model: any AlignableDenoiser, _ prediction: Prediction, data: Tensor, noise: Tensor, times: [Float],
        condition: any Condition, _ draws: DenoiserTask.Draws, isDropped: (Int) -> Bool,
        later: (inout RandomStream) -> Float
    ) -> TrainingBatch {
        let scales = scales(times.count, draws, isDropped: isDropped)
        func taught(_ times: [Float], _ condition: any Condition, _ lesson: Lesson) -> TrainingBatch {
            TrainingBatch(data: data, noise: noise, times: times, condition: condition, lesson: lesson)
        }
        if method == .guidance {
            let x = FlowPath.point(data: data, noise: noise, times: times)
            let sampling = configuration.sampling
            // Outside of the interval in which guidance acts the teacher's own velocity is the guided one.
            let acting = zip(times, scales).map { time, scale in
                sampling.guidanceLower < time && time < sampling.guidanceUpper ? scale : 1
            }
            let velocity = FewSteps.guidedVelocity(
                of: teacher!.model, x, times: times, condition: condition.telling(only: teacher!.numbers),
                scales: acting)
            return taught(times, condition.telling(ModelNumbers(strength: scales)), Lesson(velocity: velocity))
        }
        let draw = intervals(times, draws, later: later)
        let known = teacher?.numbers ?? []
        let isTold = known.contains(.strength)
        let told = isTold ? condition.telling(ModelNumbers(strength: scales)) : condition
        let x = FlowPath.point(data: data, noise: noise, times: draw.starts)
        let batch = IntervalBatch(x, from: draw.starts, to: draw.ends, condition: told)
        let student = model.predicting(prediction)
        let path = FlowPath.velocity(data: data, noise: noise)
        let lesson =
            method == .split
            ? Lesson(
                velocity: FewSteps.splitVelocity(
                    of: student, batch,
                    velocity: teacher?.model.velocity(x, times: draw.starts, condition: told.telling(only: known))
                        ?? path,
                    shares: draw.shares))
            : Lesson(
                velocity: FewSteps.meanFlowVelocity(
                    of: student, batch, velocity: path, isImproved: method == .improved), isAdaptive: true)
        return taught(draw.starts, told.telling(ModelNumbers(interval: batch.lengths)), lesson)
    }

    /// Guidance scales from 1 to the largest, evenly spread in their logarithms; 1 where there is no condition.
    private func scales(_ count: Int, _ draws: DenoiserTask.Draws, isDropped: (Int) -> Bool) -> [Float] {
        (0..<count).map { index in
            var numbers = draws.stream(.guidanceScale, index)
            return isDropped(index) ? 1 : powf(largestScale, numbers.nextUniform())
        }
    }

    /// The intervals of a batch, and the share of each that its first part takes.
    private func intervals(
        _ times: [Float], _ draws: DenoiserTask.Draws, later: (inout RandomStream) -> Float
    ) -> (starts: [Float], ends: [Float], shares: [Float]) {
        var (starts, ends, shares) = (times, times, [Float]())
        for index in times.indices {
            var numbers = draws.stream(.interval, index)
            let isLong = numbers.nextUniform() >= configuration.fewSteps.velocityShare
            shares.append(numbers.nextUniform())
            guard isLong else { continue }
            let other = later(&numbers)
            (starts[index], ends[index]) = (min(times[index], other), max(times[index], other))
            guard method == .split else { continue }
            if draws.step >= growingSteps, numbers.nextUniform() < Self.jumpShare {
                (starts[index], ends[index]) = jump(&numbers)
            }
            ends[index] = starts[index] + (ends[index] - starts[index]) * growth(draws.step)
        }
        return (starts, ends, shares)
    }

    /// The fraction of long intervals that are those of sampling in 1, 2 or 4 jumps; the others lie anywhere.
    private static let jumpShare: Float = 0.5

    private func jump(_ numbers: inout RandomStream) -> (start: Float, end: Float) {
        let jumps = 1 << numbers.nextInteger(below: 3)
        let times = SamplingSettings(steps: jumps, shift: configuration.sampling.shift).times
        let place = numbers.nextInteger(below: jumps)
        return (times[place], times[place + 1])
    }

    /// Number of first steps in which intervals grow: long ones build on what is known of short ones.
    private var growingSteps: Int { configuration.training.steps / 3 }

    /// The part of each interval that a step takes: from 1/32 to 1, doubling in equal times.
    private func growth(_ step: Int) -> Float {
        step < growingSteps ? exp2f(5 * (Float(step) / Float(growingSteps) - 1)) : 1
    }
}

extension DenoiserPreparation {
    /// The largest guidance scale that the model is told; nil if it is told none.
    var largestScale: Float? {
        guard architecture.numbers.contains(.strength) else { return nil }
        return teacher?.largestScale ?? 1 + configuration.fewSteps.guidanceMax
    }
}

extension Configuration {
    /// Has a model of few steps told what it needs.
    ///
    /// - Throws: `PixNerdError` naming a key that such a model cannot be trained with.
    mutating func addFewSteps(_ teacher: Teacher?) throws {
        let (section, usual) = (fewSteps, FewStepsSection())
        guard let number = section.method.number else {
            if let key = firstKeyInUse(of: "few_steps") {
                throw PixNerdError(
                    .mismatch, "\(key)", found: "is set, but few_steps.method is none",
                    advice: "set few_steps.method, or remove \(key)")
            }
            return
        }
        let name = section.method.rawValue
        let numbers = teacher?.architecture.numbers ?? []
        let isToldScale = numbers.contains(.strength) || number == .strength
        let most = teacher?.largestScale ?? 1 + section.guidanceMax
        let guidance = sampling.settings.guidance.scales[0]
        func other(_ isThere: Bool, _ key: ErrorText) -> Clash {
            Clash(
                isThere, key, "is set, but few_steps.method is \(name), which has a loss of its own", "remove it")
        }
        try Self.expectNone([
            other(training.frequencyWeight > 0, "training.frequency_weight"),
            other(dispersive.weight > 0, "dispersive.weight"), other(repa.isOn, "repa"),
            other(training.timeWeight != .constant, "training.time_weight"),
            Clash(
                !training.fieldSizes.isEmpty, "training.field_sizes",
                "is set, but few_steps.method is \(name), which is trained at one density", "remove it"),
            Clash(
                section.method != .guidance && section.guidanceMax != usual.guidanceMax, "few_steps.guidance_max",
                "is set, but few_steps.method is \(name)", "remove it"),
            Clash(
                section.method == .guidance && section.velocityShare != usual.velocityShare,
                "few_steps.velocity_share", "is set, but few_steps.method is guidance", "remove it"),
            Clash(
                numbers.contains(.interval), "few_steps.teacher",
                "is a model of jumps already", "name the model that it was made from"),
            Clash(
                number == .strength && numbers.contains(.strength), "few_steps.teacher",
                "is told its guidance already", "set few_steps.method to split"),
            Clash(
                isToldScale && !(1...most).contains(guidance), "sampling.guidance",
                "is \(guidance), and the model is told a scale from 1 to \(most)", "set it to one of these"),
        ])
        model.numbers += numbers.filter { !model.numbers.contains($0) } + [number]
    }
}
