import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSampling
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors
import Synchronization
import Testing

/// How often a job evaluates its models: once where guidance is off, twice where it acts.
@Suite struct EvaluationCountTests {
    /// The velocity -x, and the number of images that it was asked for.
    private final class Counting: Denoiser {
        let channels = 3
        let sizeMultiple: ImageSize = 1
        let parameters: [Parameter] = []
        private let evaluated = Mutex(0)

        var count: Int { evaluated.withLock { $0 } }

        func velocity(_ x: Tensor, times: [Float], condition: any Condition) -> Tensor {
            evaluated.withLock { $0 += x.shape[0] }
            return Tensor.combination(-1, x, 0, x)
        }
    }

    private static let samplers = [
        Sampler.euler, .heun, .heunExact, .adams(order: 2), .stochastic, .dpm, .unipc(order: 2), .unipc(order: 3),
    ]

    private func job(_ model: Counting, guide: Counting?, _ settings: SamplingSettings) throws -> SamplingJob {
        SamplingJob(
            denoiser: model, guide: guide, conditioner: try ClassConditioner(classes: 3), space: PixelSpace(),
            size: PictureSize(height: 2, width: 2), settings: settings,
            requests: RequestList.perClass(1, prompts: [0, 1, 2].map(Prompt.label), firstSeed: 0), batch: 2)
    }

    @Test(arguments: samplers, [0, 2])
    func guidanceIsEvaluatedWhereItActs(sampler: Sampler, zeroSteps: Int) throws {
        let guidance = Guidance(scale: 2, lowerTime: 0.35, upperTime: 0.65)
        let settings = SamplingSettings(sampler: sampler, steps: 10, guidance: guidance, zeroSteps: zeroSteps)
        let times = settings.evaluationTimes
        let acting = times.filter { 0.35 < $0 && $0 < 0.65 }.count
        // At 0.4, 0.5 and 0.6; Heun's exact method also evaluates the end of each step but the last.
        #expect(acting == (sampler == .heunExact ? 6 : 3))

        let model = Counting()
        let alone = try job(model, guide: nil, settings)
        _ = try alone.images()
        #expect(alone.evaluations == times.count + acting)
        #expect(model.count == 3 * alone.evaluations)

        let (better, worse) = (Counting(), Counting())
        let guided = try job(better, guide: worse, settings)
        _ = try guided.images()
        #expect(guided.evaluations == alone.evaluations)
        #expect(better.count == 3 * times.count)
        #expect(worse.count == 3 * acting)
    }

    @Test(arguments: samplers)
    func withoutGuidanceNothingElseIsEvaluated(sampler: Sampler) throws {
        for rule in Guidance.Rule.allCases {
            let (model, guide) = (Counting(), Counting())
            let settings = SamplingSettings(sampler: sampler, steps: 4, guidance: Guidance(scale: 1, rule: rule))
            _ = try job(model, guide: guide, settings).images()
            #expect(model.count == 3 * settings.evaluationTimes.count && guide.count == 0)
        }
    }

    /// A model that is told its guidance is evaluated once a step, and so is one that jumps.
    @Test(arguments: [[.strength], [.interval], [.strength, .interval]] as [[ModelNumber]], [1, 2, 4])
    func modelsOfFewStepsAreEvaluatedOnceAStep(numbers: [ModelNumber], steps: Int) throws {
        let model = Counting()
        let settings = SamplingSettings(steps: steps, guidance: Guidance(scale: 3)).told(numbers)
        let job = try job(model, guide: nil, settings)
        _ = try job.images()
        #expect(job.evaluations == steps)
        #expect(model.count == 3 * steps)
    }
}
